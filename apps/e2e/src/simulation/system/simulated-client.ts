import { type DeferClient, type Handle, createDeferClient } from "@raincheck/client";
import { type CallEvent, hasTag, isTerminalEvent } from "@raincheck/protocol";
import { createTRPCClient, localLink } from "@trpc/client";
import type { Random } from "../../chaos/random.ts";
import { BrokenPromise } from "../broken-promise.ts";
import { type SimulatedRouter, simulatedPaths } from "./application.ts";
import type { CallPlan } from "./check-log.ts";
import type { FaultyTransport } from "./faulty-transport.ts";
import type { SystemTally } from "./system-tally.ts";

/** Of any of the procedures: what one of them yields is a number. */
type AnyHandle = Handle<string, unknown, number>;

/** What clients tell the world of. */
export interface ClientWitness {
  accepted(id: string, plan: CallPlan): void;
  cancelled(id: string): void;
  /** A follower has heard of the call's end. */
  ended(id: string, end: CallEvent): void;
  broken(error: BrokenPromise): void;
}

/** What a {@link SimulatedClient} is made of. */
export interface ClientParts {
  readonly router: SimulatedRouter;
  readonly transport: FaultyTransport;
  readonly witness: ClientWitness;
  readonly tally: SystemTally;
}

/** One client in one life: the product's own, over its transport. */
export class SimulatedClient {
  readonly transport: FaultyTransport;
  readonly #defer: DeferClient<SimulatedRouter>;
  readonly #witness: ClientWitness;
  readonly #tally: SystemTally;
  readonly #over = new AbortController();
  readonly #handles: AnyHandle[] = [];
  /** What is under way, in words. */
  readonly #underWay = new Set<{ what: string }>();

  constructor({ router, transport, witness, tally }: ClientParts) {
    this.transport = transport;
    this.#witness = witness;
    this.#tally = tally;
    const reach = localLink<SimulatedRouter>({ router, createContext: async () => ({ user: "ada" }) });
    this.#defer = createDeferClient(createTRPCClient<SimulatedRouter>({ links: [transport.link, reach] }));
  }

  /** How much is under way: starts, followings and cancels. */
  get busy(): number {
    return this.#underWay.size;
  }

  /** What is under way, in words. */
  get underWay(): readonly string[] {
    return Array.from(this.#underWay, ({ what }) => what);
  }

  /** Starts a call and follows it to its end. */
  start(random: Random): void {
    const path = random.pick(simulatedPaths);
    const key = `key ${random.below(4_294_967_296)}`;
    const work = {
      tag: key,
      ms: random.below(random.chance(0.2) ? 6_000 : 500),
      failing: random.chance(0.2) ? 1 + random.below(4) : 0,
      stubborn: random.chance(0.3),
    };
    void this.#while(`start ${path} under ${key}`, async (doing) => {
      const handle = await this.#untilAnswered(() => this.#defer[path](work, { idempotencyKey: key, signal: this.#over.signal }));
      this.#tally.started += 1;
      this.#witness.accepted(handle.id, { path, failing: work.failing });
      this.#handles.push(handle);
      doing.what = `follow ${handle.id}`;
      await this.#follow(handle);
    });
  }

  /** Follows a call once more, from some event on: as somebody who opens the page again. */
  followAgain(random: Random): void {
    const handle = this.#anyHandle(random);
    if (handle !== undefined) void this.#while(`follow ${handle.id} again`, () => this.#follow(handle));
  }

  cancel(random: Random): void {
    const handle = this.#anyHandle(random);
    if (handle === undefined) return;
    void this.#while(`cancel ${handle.id}`, async () => {
      if (!(await handle.cancel("enough").catch(() => false))) return;
      this.#tally.cancelled += 1;
      this.#witness.cancelled(handle.id);
    });
  }

  crash(): void {
    this.transport.isDead = true;
    this.#over.abort(new Error("The client is dead."));
  }

  #anyHandle(random: Random): AnyHandle | undefined {
    return this.#handles.length === 0 ? undefined : this.#handles[Math.max(0, this.#handles.length - 1 - random.below(8))];
  }

  async #follow(handle: AnyHandle): Promise<void> {
    let last = 0;
    let wasExact = true;
    let end: CallEvent | null = null;
    for await (const event of handle.events({ signal: this.#over.signal })) {
      this.#tally.eventsFollowed += 1;
      const isExact = this.transport.hasSubscribed;
      const isNext = isExact && wasExact ? event.seq === last + 1 : event.seq > last;
      if (!isNext) throw new BrokenPromise("I5", `${handle.id}: a follower was told event ${event.seq} after ${last}`);
      if (end !== null) throw new BrokenPromise("I2", `${handle.id}: a follower was told ${event.type} after ${end.type}`);
      last = event.seq;
      wasExact = isExact;
      if (isTerminalEvent(event)) end = event;
    }
    if (end === null) throw new BrokenPromise("L2", `${handle.id}: the events ended without the call's end`);
    this.#tally.followedToTheEnd += 1;
    this.#witness.ended(handle.id, end);
  }

  /** A start that no try of the client's own was answered is asked for again, under its key. */
  async #untilAnswered<TValue>(act: () => Promise<TValue>): Promise<TValue> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (this.#over.signal.aborted) throw error;
        if (!hasShapeOfLoss(error)) throw new BrokenPromise("L6", `a client met ${String(error)}`);
        this.#tally.startRefused += 1;
      }
    }
  }

  async #while(what: string, act: (doing: { what: string }) => Promise<void>): Promise<void> {
    const doing = { what };
    this.#underWay.add(doing);
    try {
      await act(doing);
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#witness.broken(
        hasTag(error, "BrokenPromise") ? (error as BrokenPromise) : new BrokenPromise("L6", `a client met ${String(error)}`),
      );
    } finally {
      this.#underWay.delete(doing);
    }
  }
}

/** A lost connection, or an engine that is away. */
function hasShapeOfLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "data" in error && typeof error.data === "object" && error.data !== null && "code" in error.data ? error.data.code : null;
  return code === null || code === "SERVICE_UNAVAILABLE";
}
