import { type CallEvent, type CallId, type CallSnapshot, type TerminalEvent, isTerminalEvent } from "@raincheck/protocol";
import { eventsOf } from "./events-of.ts";
import type { Watch } from "./watch.ts";

/** Who follows a call. */
export interface CallListener {
  /** An event behind the listener's cursor, in order, each once. */
  readonly event?: (event: CallEvent) => void;
  /** The call has ended; the last that the listener hears. The event was handed to `event` before, unless the cursor was behind it. */
  readonly ended: (end: TerminalEvent) => void;
  /** The call cannot be followed; the last that the listener hears. */
  readonly failed: (error: unknown) => void;
}

interface Follower {
  /** The `seq` of the last event that it has. */
  cursor: number;
  /** The latest attempt that it was told of. */
  attempt: number;
  readonly listener: CallListener;
}

/** Re-readings without a new event, after which a call's log counts as unreadable and the call goes by snapshots. */
const maxFaults = 3;

/** One call of the follower, and everybody who follows it, each with a cursor of its own. */
export class FollowedCall {
  readonly id: CallId;
  /** The subscription that carries it; `null` while it waits for one. */
  watch: Watch | null = null;
  /** The number of the subscription that it was put into last. 0: none. */
  watchedAt = 0;
  /** The number of the round in which it was last asked for by request. 0: none. */
  polledAt = 0;
  /** The `seq` that its subscription has come to. */
  streamed = 0;
  readonly #followers = new Set<Follower>();
  #faults = 0;
  #fromStart = false;

  constructor(id: CallId) {
    this.id = id;
  }

  /** @returns what ends it. */
  add(after: number, listener: CallListener): () => void {
    // Who waits for the end alone misses nothing by beginning where the subscription is.
    const cursor = listener.event === undefined ? Math.max(after, this.streamed) : after;
    const follower: Follower = { cursor, attempt: 0, listener };
    this.#followers.add(follower);
    // The subscription is past what this one wants to see: it takes a new one, from further back.
    if (cursor < this.streamed) this.leaveWatch();
    return () => this.#followers.delete(follower);
  }

  /** Nobody follows it any more. */
  get idle(): boolean {
    return this.#followers.size === 0;
  }

  /** Its log could not be read, several times over: its snapshots still can. */
  get unreadable(): boolean {
    return this.#faults >= maxFaults;
  }

  /** Somebody wants its progress, not only its end. */
  get wantsProgress(): boolean {
    return [...this.#followers].some(({ listener }) => listener.event !== undefined);
  }

  /** Somebody wants its end, and no events. */
  get wantsEnd(): boolean {
    return [...this.#followers].some(({ listener }) => listener.event === undefined);
  }

  /** The `seq` behind which a subscription must begin for everybody to miss nothing. */
  get cursor(): number {
    return this.#fromStart ? 0 : Math.min(...Array.from(this.#followers, ({ cursor }) => cursor));
  }

  /** Puts it into a subscription. */
  joinWatch(watch: Watch): void {
    this.leaveWatch();
    this.watch = watch;
    this.watchedAt = watch.number;
    this.streamed = this.cursor;
    this.#fromStart = false;
    watch.calls.add(this);
  }

  /** Takes it out of its subscription: it waits for another. */
  leaveWatch(): void {
    this.watch?.calls.delete(this);
    this.watch = null;
    this.streamed = 0;
  }

  /**
   * Takes an event from a subscription. A gap is a fault: the call leaves the subscription, to be read again from where it is.
   *
   * @returns whether it was news to anybody.
   */
  take(event: CallEvent, from: Watch): boolean {
    let gap = false;
    let news = false;
    for (const follower of this.#followers) {
      if (event.seq > follower.cursor + 1) gap = true;
      else news = this.#hand(follower, event) || news;
    }
    // What an earlier subscription still says is welcome, but proves nothing.
    if (from === this.watch) {
      this.streamed = event.seq;
      if (gap) this.fault();
    }
    return news;
  }

  /** The cursor is not the server's, or an event is missing: read again; from the start if told so. */
  fault(options: { fromStart?: boolean } = {}): void {
    this.#faults += 1;
    this.#fromStart = options.fromStart ?? false;
    this.leaveWatch();
  }

  /**
   * Takes the call as a request found it: what can be told from it is told as events.
   *
   * @param options.exact readers of events wait for the log; only its end is told, to those who wait for no more.
   */
  takeSnapshot(snapshot: CallSnapshot, { exact, now }: { exact: boolean; now: string }): void {
    for (const follower of this.#followers) {
      if (exact && follower.listener.event !== undefined) continue;
      for (const event of eventsOf(snapshot, { after: follower.cursor, attempt: follower.attempt, now })) this.#hand(follower, event);
      follower.cursor = Math.max(follower.cursor, snapshot.seq);
    }
  }

  /** Tells everybody that it cannot be followed. */
  fail(error: unknown): void {
    this.leaveWatch();
    const followers = [...this.#followers];
    this.#followers.clear();
    for (const { listener } of followers) listener.failed(error);
  }

  #hand(follower: Follower, event: CallEvent): boolean {
    const news = event.seq > follower.cursor;
    if (news) {
      follower.cursor = event.seq;
      if (event.type === "started") follower.attempt = event.attempt;
      this.#faults = 0;
      follower.listener.event?.(event);
    }
    if (isTerminalEvent(event) && this.#followers.delete(follower)) follower.listener.ended(event);
    return news;
  }
}
