import type { NewCall } from "@raincheck/engine";
import { promised } from "./broken-promise.ts";
import type { ExpectedLedger } from "./ledger/expected-ledger.ts";

/** How many calls are talked of: the latest. */
const talkedOf = 60;

/** What actors were told, to be held against the ledger at the end: an actor may crash, but a promise that it was given stands. */
export class Witness {
  /** The calls that somebody was told of, the latest last. */
  readonly talk: NewCall[] = [];
  readonly #accepted = new Set<string>();
  readonly #cancelled = new Set<string>();
  readonly #succeeded = new Map<string, Set<string>>();

  accepted(call: NewCall): void {
    if (this.#accepted.has(call.id)) return;
    this.#accepted.add(call.id);
    this.talk.push(call);
    if (this.talk.length > talkedOf) this.talk.shift();
  }

  cancelled(id: string): void {
    this.#cancelled.add(id);
  }

  succeeded(id: string, output: string): void {
    const outputs = this.#succeeded.get(id) ?? new Set();
    this.#succeeded.set(id, outputs.add(output));
  }

  /** Whether everything that actors were told is so. */
  check(expected: ExpectedLedger): void {
    const calls = new Map(expected.all().map((call) => [call.given.id, call]));
    const named = (ids: Iterable<string>): string[] => Array.from(ids).filter((id) => !expected.isReborn(id));
    for (const id of named(this.#accepted)) {
      promised(calls.get(id)?.isOpen === false, "I1", () => `${id} was accepted, and is ${calls.get(id)?.state ?? "gone"}`);
    }
    for (const id of named(this.#cancelled)) {
      const state = calls.get(id)?.state;
      promised(state === "cancelled", "I7", () => `${id} was cancelled, and is ${state}`);
    }
    for (const id of named(this.#succeeded.keys())) {
      const outputs = [...this.#succeeded.get(id)!];
      promised(outputs.length === 1, "I3", () => `${id} was settled more than once: ${outputs.join(", ")}`);
      const end = calls.get(id)?.end;
      // Its log may be empty: it ended and was forgotten in one move of the time.
      const isSo = end == null ? calls.get(id)?.state === "succeeded" : end.type === "succeeded" && end.output === outputs[0];
      promised(isSo, "I6", () => `${id} was settled with ${outputs[0]}, and the ledger has ${JSON.stringify(end)}`);
    }
  }
}
