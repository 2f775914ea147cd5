/**
 * The resolvers that still run although their attempt is over.
 *
 * Nothing can stop a promise. So an attempt that is told to stop ends at once, its call is settled and its slot is given back;
 * whether the resolver heeds its signal changes neither. What remains of one that does not is counted here, and told: it holds
 * memory, and perhaps more, until the process ends.
 */
import type { MonotonicClock } from "./monotonic-clock.ts";
import type { RunningAttempt } from "./running-attempts.ts";
import type { Telemetry } from "./telemetry.ts";

/** How long a resolver may take to heed its signal before that is worth a warning. */
const patienceMs = 5_000;
/** The pause between two complaints about the whole. */
const complaintIntervalMs = 60_000;

interface AbandonedResolver {
  readonly attempt: RunningAttempt;
  readonly sinceMs: number;
  isTold: boolean;
}

/** See the file's head. */
export class AbandonedResolvers {
  readonly #resolvers = new Set<AbandonedResolver>();
  readonly #limit: number;
  readonly #now: MonotonicClock;
  readonly #telemetry: Telemetry["Service"];
  #complainedAtMs = -Infinity;

  /** @param options.limit from this many that ignore their signal on, the worker says that it should be restarted. */
  constructor(options: { readonly limit: number; readonly now: MonotonicClock; readonly telemetry: Telemetry["Service"] }) {
    this.#limit = options.limit;
    this.#now = options.now;
    this.#telemetry = options.telemetry;
  }

  get size(): number {
    return this.#resolvers.size;
  }

  /**
   * Takes note of a resolver whose attempt was ended from outside.
   *
   * @param finished resolves when the resolver has ended after all; must not reject.
   */
  add(attempt: RunningAttempt, finished: Promise<void>): void {
    const resolver: AbandonedResolver = { attempt, sinceMs: this.#now(), isTold: false };
    this.#resolvers.add(resolver);
    this.#telemetry.showAbandoned(this.#resolvers.size);
    void finished.then(() => this.#remove(resolver));
  }

  /** Tells of those that have ignored their signal for too long. To be called every now and then. */
  check(): void {
    const nowMs = this.#now();
    let overdue = 0;
    for (const resolver of this.#resolvers) {
      if (nowMs - resolver.sinceMs < patienceMs) continue;
      overdue += 1;
      if (resolver.isTold) continue;
      resolver.isTold = true;
      this.#telemetry.log({
        level: "warn",
        event: "resolver-abandoned",
        message:
          "The resolver ignores its signal. Its attempt is over and what it returns is dropped, but it still runs: pass `signal` on.",
        call: resolver.attempt.label,
        facts: { abandoned: this.#resolvers.size },
      });
    }
    if (overdue < this.#limit || nowMs - this.#complainedAtMs < complaintIntervalMs) return;
    this.#complainedAtMs = nowMs;
    this.#telemetry.log({
      level: "error",
      event: "resolvers-too-many-abandoned",
      message: `${overdue} resolvers ignore their signal and still run. The worker goes on, but restart it: their memory is not coming back.`,
      error: new Error(`${overdue} abandoned resolvers`),
      facts: { abandoned: overdue, paths: [...new Set([...this.#resolvers].map(({ attempt }) => attempt.call.path))] },
    });
  }

  #remove(resolver: AbandonedResolver): void {
    this.#resolvers.delete(resolver);
    this.#telemetry.showAbandoned(this.#resolvers.size);
    if (!resolver.isTold) return;
    const afterMs = Math.round(this.#now() - resolver.sinceMs);
    this.#telemetry.log({
      level: "info",
      event: "resolver-returned",
      message: "A resolver that had ignored its signal has ended; what it returned was dropped.",
      call: resolver.attempt.label,
      facts: { afterMs },
    });
  }
}
