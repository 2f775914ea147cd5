/** Something that one would use for deferred calls: who calls is in one process, who runs the no-op in another. */
export interface Peer {
  /** Makes tables and queues. Once, before anybody calls or works. */
  prepare(server: Server): Promise<void>;
  openCaller(server: Server): Promise<Caller>;
  /** Runs what is queued, until it is disposed. */
  openWorker(server: Server): Promise<AsyncDisposable>;
}

/** What a peer keeps its queue in. */
export interface Server {
  /** Of Postgres, or of Redis. */
  readonly url: string;
  /** Calls that are made at once; of a backlog, those that one worker has in hand. */
  readonly inFlight: number;
  /** `backlog`: nobody waits for the results, which are kept all the same. */
  readonly work: "calls" | "backlog";
}

/** A process that calls. */
export interface Caller extends AsyncDisposable {
  /** Submits a call, and resolves when its result is there. */
  call(): Promise<unknown>;
  /** Submits a call, and resolves when it is durable, without waiting for its result. */
  accept(): Promise<unknown>;
  /** Makes so many calls durable, as fast as it can. */
  fill(count: number): Promise<void>;
  /** Calls that have not ended. */
  left(): Promise<number>;
}

const modules = {
  raincheck: () => import("./peers/raincheck.ts"),
  "pg-boss": () => import("./peers/pg-boss.ts"),
  "graphile-worker": () => import("./peers/graphile-worker.ts"),
  dbos: () => import("./peers/dbos.ts"),
  bullmq: () => import("./peers/bullmq.ts"),
  // The same: they differ in how their server is set up.
  "bullmq-fsync": () => import("./peers/bullmq.ts"),
  floor: () => import("./peers/floor.ts"),
} satisfies Record<string, () => Promise<{ readonly peer: Peer }>>;

/** A peer's name. */
export type PeerName = keyof typeof modules;

/** The peers, by name. */
export const peerNames = Object.keys(modules) as PeerName[];

/** Those that find what was queued before they began. */
export const drainingPeers = peerNames.filter((name) => name !== "floor");

/** Loads a peer: its library too, so each in processes of its own. */
export async function loadPeer(name: PeerName): Promise<Peer> {
  const { peer } = await modules[name]();
  return peer;
}
