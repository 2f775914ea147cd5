import type { Withheld } from "@raincheck/engine";
import type { Policy } from "@raincheck/protocol";
import type { RaincheckRuntime } from "@raincheck/server";
import type { MonotonicClock } from "./monotonic-clock.ts";

/** How long a procedure that could not be loaded counts as unknown before it is tried again. */
const loadAgainMs = 30_000;

/** What a {@link KnownProcedures} needs. */
export interface KnownProceduresOptions {
  readonly runtime: Pick<RaincheckRuntime, "policyAt">;
  readonly now: MonotonicClock;
  readonly giveUpAfterMs: number;
}

/**
 * Which procedures this worker has. A lazy router is loaded when a call of it is first met, so what is not there is learned from the
 * first call too; the engine keeps further ones away.
 */
export class KnownProcedures {
  readonly #options: KnownProceduresOptions;
  readonly #policies = new Map<string, Policy>();
  /** By path, until when it is not looked for again. */
  readonly #unknownUntilMs = new Map<string, number>();

  constructor(options: KnownProceduresOptions) {
    this.#options = options;
  }

  /** The policy at a path where a call was met before; `undefined`: {@link KnownProcedures.find} may know more. */
  known(path: string): Policy | undefined {
    return this.#policies.get(path);
  }

  /** The policy at a path; `null`: this worker has no such procedure. Rejects when it could not be loaded. */
  async find(path: string): Promise<Policy | null> {
    const known = this.known(path);
    if (known !== undefined) return known;
    const { runtime, now } = this.#options;
    try {
      const policy = await runtime.policyAt(path);
      if (policy === null) this.#unknownUntilMs.set(path, Infinity);
      else this.#policies.set(path, policy);
      return policy;
    } catch (error) {
      this.#unknownUntilMs.set(path, now() + loadAgainMs);
      throw error;
    }
  }

  /** Whether the worker has a procedure; one that cannot be loaded it has not. */
  async has(path: string): Promise<boolean> {
    return (await this.find(path).catch(() => null)) !== null;
  }

  /** What the engine is to leave to others. */
  withheld(): readonly Withheld[] {
    const { now, giveUpAfterMs } = this.#options;
    const atMs = now();
    for (const [path, untilMs] of this.#unknownUntilMs) if (untilMs <= atMs) this.#unknownUntilMs.delete(path);
    return [...this.#unknownUntilMs.keys()].map((path) => ({ path, places: 0, giveUpAfterMs }));
  }
}
