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
  /** Calls that are made at once. */
  readonly inFlight: number;
}

/** A process that calls. */
export interface Caller extends AsyncDisposable {
  /** Submits a call, and resolves when its result is there. */
  call(): Promise<unknown>;
  /** Submits a call, and resolves when it is durable, without waiting for its result. */
  accept(): Promise<unknown>;
}

/** The peers, by name: a module of `peers/` each, loaded in processes of its own. */
export const peerNames = ["raincheck", "pg-boss", "graphile-worker", "dbos", "bullmq", "bullmq-always", "three-commits"] as const;

/** One of {@link peerNames}. */
export type PeerName = (typeof peerNames)[number];

/** Loads a peer. */
export async function loadPeer(name: string): Promise<Peer> {
  // One module for both: they differ in how their server is set up.
  const file = name === "bullmq-always" ? "bullmq" : name;
  const { peer } = (await import(`./peers/${file}.ts`)) as { peer: Peer };
  return peer;
}
