/**
 * Follows any number of calls over few subscriptions.
 *
 * - **The server's event log is the truth.** Each listener has a cursor, the `seq` of its last event. What is at or below it is
 *   dropped; what leaves a gap is a fault, and the call is read again from the cursor. So a subscription may end, overlap with
 *   another, repeat itself or begin too early, and nobody notices.
 * - **At most two subscriptions.** New calls gather while one is opening, and until it has told of those that are new in it; then they
 *   open a second or join the smaller one, which is closed and opened again with them. When the smaller has outgrown the square
 *   root of the larger, both become one: so a trickle of new calls costs few ids each, and the ordinary client holds one
 *   connection. Until that one tells of them, the larger goes on telling of its calls.
 * - **More calls than fit** take turns. How many fit is 1000 (`limits.watchedCalls`) until a subscription of many calls cannot
 *   be opened: an SSE request carries its calls in the URL, and servers and proxies refuse long ones. Then it is half as many, and
 *   while calls take turns, twice as many are tried again once a minute.
 * - **A lost connection** is made again by tRPC's own links if they are quick. Otherwise, and when a subscription ends, it is opened
 *   again from the cursors; after a failure with backoff and jitter.
 * - **Where no subscription works** (none in the links, no `EventSource`, refused, twice lost, not open after 5 s) the calls are asked
 *   for by request ({@link Poll}), while subscriptions are still tried. Who listens for the end takes it from there at once; who
 *   reads events goes on waiting for the log if a subscription has ever worked.
 * - **A refusal** (`UNAUTHORIZED`, `FORBIDDEN`, `BAD_REQUEST` …) fails every call that was in the subscription.
 */
import { type CallId, type WatchMessage, limits } from "@raincheck/protocol";
import { backoffMs } from "./backoff.ts";
import type { CallsChannel } from "./calls-channel.ts";
import { callNotFound, isNoSuchProcedure, isRefusal, rpcCode } from "./client-error.ts";
import { type CallListener, FollowedCall } from "./followed-call.ts";
import { Poll } from "./poll.ts";
import { Watch, type WatchOwner } from "./watch.ts";

/** A subscription of no more calls than this is never too long: its failure has another reason. */
const leastCapacity = 32;

/** How long the calls in a full subscription have their turn while others wait, in milliseconds. */
const turnMs = 1_000;

/** How long a capacity is believed in that a failure taught, while more is wanted. In milliseconds. */
const believedMs = 60_000;

/** Failures in a row from which on calls are asked for by request between the tries. */
const troubledFailures = 2;

/** The shared follower of one client: see the file's head. */
export class Follower implements WatchOwner {
  readonly #channel: CallsChannel;
  readonly #calls = new Map<CallId, FollowedCall>();
  readonly #watches = new Set<Watch>();
  readonly #poll: Poll;
  #capacity: number = limits.watchedCalls;
  #halvedAt = 0;
  #openings = 0;
  #failures = 0;
  /** When a subscription last worked, of those that are over; by the monotonic clock. */
  #workedAt = Number.NEGATIVE_INFINITY;
  /** The links cannot subscribe at all. */
  #unable = false;
  #planned = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #turn: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: CallsChannel) {
    this.#channel = channel;
    this.#poll = new Poll(channel, {
      wanted: () => [...this.#calls.values()].filter((call) => this.#needsPoll(call)),
      exact: () => this.#exact,
      settled: () => this.#sweep(),
    });
  }

  /**
   * Follows a call until it ends, or cannot be followed, or the returned function is called.
   *
   * @param after the `seq` of the last event that the listener has; 0: it wants all.
   */
  follow(id: CallId, after: number, listener: CallListener): () => void {
    let call = this.#calls.get(id);
    if (call === undefined) this.#calls.set(id, (call = new FollowedCall(id)));
    const leave = call.add(after, listener);
    this.#plan();
    return () => {
      leave();
      this.#release(call);
    };
  }

  opened(): void {
    this.#plan();
  }

  message(watch: Watch, message: WatchMessage): boolean {
    const call = this.#calls.get(message.id);
    if (call === undefined) return false;
    let news = false;
    if ("event" in message) news = call.take(message.event, watch);
    else if (message.refused === "NOT_FOUND") call.fail(callNotFound(call.id));
    else if (call.watch === watch) call.fault({ fromStart: true });
    this.#release(call);
    return news;
  }

  sickened(watch: Watch): void {
    // A proxy may drop a request that is too long without a word.
    if (!watch.wasOpen && this.#halve(watch)) this.#closeWatch(watch);
    this.#plan();
  }

  ended(watch: Watch, error: unknown): void {
    this.#watches.delete(watch);
    this.#workedAt = Math.max(this.#workedAt, watch.workedAt);
    const calls = [...watch.calls];
    for (const call of calls) call.leaveWatch();

    if (isRefusal(error) && !isNoSuchProcedure(error)) {
      for (const call of calls) {
        call.fail(error);
        this.#release(call);
      }
      return;
    }
    const tooLong = error !== null && !watch.wasOpen && rpcCode(error) === null && this.#halve(watch);
    if (!tooLong) {
      if (watch.proven) this.#failures = 0;
      const working = watch.wasOpen && !isNoSuchProcedure(error);
      // A server may end a subscription now and then, and a serverless one after every event: that is no failure.
      if (error !== null || this.#failures > 0) this.#pauseFor(backoffMs(this.#failures));
      this.#failures += working ? 1 : troubledFailures;
    }
    this.#plan();
  }

  #sweep(): void {
    for (const call of this.#calls.values()) this.#release(call);
  }

  /** Lets go of a call if nobody follows it any more. */
  #release(call: FollowedCall): void {
    if (call.idle && this.#calls.get(call.id) === call) {
      call.leaveWatch();
      this.#calls.delete(call.id);
    }
    this.#plan();
  }

  /** Calls that come or go in the same turn of the event loop are planned for together. */
  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.#arrange();
    });
  }

  #arrange(): void {
    const joining = [...this.#watches].some((watch) => watch.joining && watch.calls.size > 0);
    for (const watch of this.#watches) {
      // Another may be taking over its calls: until that tells of them, it goes on doing so.
      if (watch.calls.size === 0 && !(joining && watch.open)) this.#closeWatch(watch);
    }
    const waiting = [...this.#calls.values()].filter((call) => call.watch === null && !call.unreadable);
    if (this.#calls.size === 0) {
      clearTimeout(this.#retry);
      clearTimeout(this.#turn);
      this.#retry = this.#turn = undefined;
    } else if (waiting.length > 0 && !this.#unable && this.#retry === undefined) {
      this.#admit(waiting);
    }
    this.#poll.wake();
  }

  #admit(waiting: readonly FollowedCall[]): void {
    const watches = [...this.#watches].sort((a, b) => a.calls.size - b.calls.size);
    // They gather until the one that others are joining has brought what it was opened for.
    if (watches.some((watch) => watch.joining)) return;
    const [smaller, larger] = watches;
    if (smaller === undefined || larger === undefined) return this.#open(waiting);

    const all = smaller.calls.size + larger.calls.size + waiting.length;
    if (smaller.calls.size ** 2 > larger.calls.size && all <= this.#capacity) return this.#reopen(smaller, [...waiting, ...larger.calls]);
    if (smaller.calls.size < this.#capacity) return this.#reopen(smaller, waiting);
    this.#turn ??= setTimeout(() => {
      this.#turn = undefined;
      this.#takeTurns();
    }, turnMs);
  }

  /** Both subscriptions are full: the calls that waited longest change places with those of the one opened longest ago. */
  #takeTurns(): void {
    if (performance.now() - this.#halvedAt > believedMs) this.#capacity = Math.min(limits.watchedCalls, this.#capacity * 2);
    const [oldest] = [...this.#watches].sort((a, b) => a.number - b.number);
    const waiting = [...this.#calls.values()].filter((call) => call.watch === null && !call.unreadable);
    if (oldest?.open && waiting.length > 0) this.#reopen(oldest, waiting);
    else this.#plan();
  }

  #reopen(watch: Watch, others: readonly FollowedCall[]): void {
    const calls = [...others, ...watch.calls];
    this.#closeWatch(watch);
    this.#open(calls);
  }

  /** Opens a subscription with as many of the calls as fit, those that have waited longest first. */
  #open(calls: readonly FollowedCall[]): void {
    const number = ++this.#openings;
    const watch = new Watch(this, { number, doubtful: this.#failures >= troubledFailures });
    const fitting = [...calls].sort((a, b) => a.watchedAt - b.watchedAt).slice(0, this.#capacity);
    for (const call of fitting) call.joinWatch(watch);
    this.#watches.add(watch);
    try {
      watch.start(
        this.#channel,
        fitting.map(({ id, streamed }) => ({ id, after: streamed })),
      );
    } catch {
      this.#unable = true;
      this.#closeWatch(watch);
    }
    if (fitting.length < calls.length) this.#plan();
  }

  #closeWatch(watch: Watch): void {
    this.#watches.delete(watch);
    watch.close();
    this.#workedAt = Math.max(this.#workedAt, watch.workedAt);
  }

  /**
   * Whether events are waited for from the log itself, however long it is away: where a subscription has worked, one will again. Only
   * where none ever has do they come from snapshots, which leave some out. A call's end is taken from wherever it is told first.
   */
  get #exact(): boolean {
    return [this.#workedAt, ...Array.from(this.#watches, ({ workedAt }) => workedAt)].some((at) => at > Number.NEGATIVE_INFINITY);
  }

  /** After a subscription that could not be opened. `false`: its length was not the reason, so nothing is to be learned from it. */
  #halve(watch: Watch): boolean {
    this.#halvedAt = performance.now();
    const short = watch.size <= leastCapacity;
    this.#capacity = short ? limits.watchedCalls : Math.max(leastCapacity, watch.size >> 1);
    return !short;
  }

  #pauseFor(ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#plan();
    }, ms);
  }

  #needsPoll(call: FollowedCall): boolean {
    if (call.idle) return false;
    if (this.#unable || call.unreadable) return true;
    const troubled =
      call.watch === null ? this.#failures >= troubledFailures || [...this.#watches].some((watch) => watch.sick) : call.watch.sick;
    return troubled && (call.wantsEnd || !this.#exact);
  }
}
