import type { ClaimedCall, ClaimRequest } from "@raincheck/engine";
import type { RunningAttempts } from "./running-attempts.ts";

/** What {@link WebhookSlots} needs. */
export interface WebhookSlotsOptions {
  /** The queues of messages to webhooks. */
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly running: RunningAttempts;
}

/**
 * The slots that messages to webhooks may have: half of the worker's, and one at least. A post waits for somebody outside, and endpoints
 * that hang, however many, must leave slots for calls.
 */
export class WebhookSlots {
  readonly #queues: ReadonlySet<string>;
  readonly #most: number;
  readonly #running: RunningAttempts;
  /** Whether the last claim may have left messages for want of a slot. */
  #hasLeft = false;

  constructor({ queues, concurrency, running }: WebhookSlotsOptions) {
    this.#queues = new Set(queues);
    this.#most = Math.max(1, Math.floor(concurrency / 2));
    this.#running = running;
  }

  /** What the next claim may take of them; `undefined`: there are no webhooks. */
  cap(): ClaimRequest["capped"] {
    return this.#queues.size === 0 ? undefined : { queues: [...this.#queues], places: this.#most - this.#count() };
  }

  /** A claim with this cap has brought these calls. */
  claimed(cap: ClaimRequest["capped"], calls: readonly ClaimedCall[]): void {
    if (cap !== undefined) this.#hasLeft = calls.filter(({ queue }) => this.#queues.has(queue)).length >= cap.places;
  }

  /** Whether messages that were left may be claimed now. */
  hasRoomAgain(): boolean {
    return this.#hasLeft && this.#count() < this.#most;
  }

  #count(): number {
    return this.#running.all().filter(({ call }) => this.#queues.has(call.queue)).length;
  }
}
