import type { CallId, WatchMessage } from "@raincheck/protocol";
import { backoffMs } from "./backoff.ts";
import type { CallsChannel } from "./calls-channel.ts";
import type { FollowedCall } from "./followed-call.ts";

/**
 * How long a subscription may take to open before its calls are asked for by request beside it, and then to tell the first of each new one
 * before others join it nevertheless. In milliseconds.
 */
const patienceMs = 5_000;

/**
 * How long the links have to make a lost connection again before the subscription counts as over, in milliseconds, and up to 250 ms
 * more. A WebSocket link needs less; an `EventSource` pauses for 3 s, which is long for somebody who waits.
 */
const graceMs = 250;

/** A subscription that has been open for this long is sound, whatever it went through before. In milliseconds. */
const soundMs = 5_000;

/** Lost connections since the last sign of life, from which on a subscription counts as sick. */
const sickLosses = 2;

/** Who owns a {@link Watch}. */
export interface WatchOwner {
  opened(watch: Watch): void;
  /** @returns whether it told anything new. */
  message(watch: Watch, message: WatchMessage): boolean;
  /** It has become sick, has lost its connection again, or takes long: see {@link Watch.sick} and {@link Watch.joining}. */
  sickened(watch: Watch): void;
  /** It is over: completed (`null`) or failed. */
  ended(watch: Watch, error: unknown): void;
}

/** One subscription of `calls.watch`: the calls in it, and how it fares. */
export class Watch {
  /** The calls that count on it; the server may still tell of others that were in it at first. */
  readonly calls = new Set<FollowedCall>();
  /** Its owner's count of subscriptions. */
  readonly number: number;
  /** How many calls it was opened with. */
  size = 0;
  /** The server has it now. */
  open = false;
  /** The server had it at some time. */
  wasOpen = false;
  readonly #owner: WatchOwner;
  #close: (() => void) | null = null;
  #over = false;
  #openedAt = 0;
  #losses: number;
  #overdue = false;
  #useful = false;
  #lostAt = Number.NEGATIVE_INFINITY;
  #patience: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.number the how manieth of its owner it is.
   * @param options.doubtful it begins as sick, because others before it did not work.
   */
  constructor(owner: WatchOwner, { number, doubtful }: { number: number; doubtful: boolean }) {
    this.#owner = owner;
    this.number = number;
    this.#losses = doubtful ? sickLosses : 0;
  }

  /** @throws what the link throws that cannot subscribe at all. */
  start(channel: CallsChannel, calls: readonly { id: CallId; after: number }[]): void {
    this.size = calls.length;
    this.#wait();
    const request = { calls: calls.map(({ id, after }) => (after === 0 ? { id } : { id, after })) };
    try {
      const close = channel.watch(request, {
        opened: () => this.#opened(),
        message: (message) => {
          if (this.#over) return;
          this.#losses = 0;
          this.#opened();
          if (this.#owner.message(this, message)) this.#useful = true;
        },
        connecting: (error) => this.#connecting(error),
        ended: (error) => this.#end(error),
      });
      // It may have ended while it was being made.
      if (this.#over) close();
      else this.#close = close;
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  /** Closes it: nothing more is heard of it, and its calls wait for another. */
  close(): void {
    this.#finish();
    for (const call of this.calls) call.leaveWatch();
  }

  /**
   * It is being opened, or has not told yet of each call that is new in it. Whoever joined it now would close it before it brought what it
   * was opened for.
   */
  get joining(): boolean {
    if (!this.open || this.#overdue) return !this.open;
    for (const { streamed } of this.calls) if (streamed === 0) return true;
    return false;
  }

  /** It does not bring what it should: its calls are better asked for by request, until it is sound again. */
  get sick(): boolean {
    if (this.open) return this.#losses >= sickLosses && performance.now() - this.#openedAt < soundMs;
    return this.#losses >= sickLosses || this.#overdue;
  }

  /** It brought news, or was open for long enough to bring some. */
  get proven(): boolean {
    return this.#useful || (this.wasOpen && performance.now() - this.#openedAt >= soundMs);
  }

  /** When it last worked, by the monotonic clock. */
  get workedAt(): number {
    return this.open && this.proven ? performance.now() : this.#lostAt;
  }

  #opened(): void {
    if (this.#over || this.open) return;
    clearTimeout(this.#patience);
    this.#wait();
    this.open = this.wasOpen = true;
    this.#openedAt = performance.now();
    this.#owner.opened(this);
  }

  #connecting(error: unknown): void {
    if (this.#over) return;
    if (this.open) {
      if (performance.now() - this.#openedAt >= soundMs) this.#losses = 0;
      this.#lose();
      clearTimeout(this.#patience);
      this.#patience = setTimeout(() => this.#end(error), graceMs + backoffMs(0));
    }
    if (error === null) return;
    this.#losses += 1;
    if (this.#losses >= sickLosses) this.#owner.sickened(this);
  }

  #lose(): void {
    this.#lostAt = this.workedAt;
    this.open = this.#overdue = false;
  }

  #end(error: unknown): void {
    if (this.#finish()) this.#owner.ended(this, error);
  }

  #wait(): void {
    this.#overdue = false;
    this.#patience = setTimeout(() => {
      this.#overdue = true;
      this.#owner.sickened(this);
    }, patienceMs);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#lose();
    clearTimeout(this.#patience);
    this.#close?.();
    return true;
  }
}
