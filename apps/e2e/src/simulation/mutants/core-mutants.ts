/** Ways in which the core could be wrong, each a small change of its source. The simulation is believed because it catches all. */
import type { SourcePatch } from "../../chaos/patch/source-patch.ts";

/** A core with a fault. */
export interface CoreMutant {
  readonly name: string;
  readonly patches: readonly SourcePatch[];
}

const call = "packages/engine/src/memory/memory-call.ts";
const ledger = "packages/engine/src/memory/memory-ledger.ts";
const engine = "packages/engine/src/memory/memory-engine.ts";
const state = "packages/protocol/src/call-state.ts";

function change(file: string, find: string, replace: string): SourcePatch {
  return { file, find, replace };
}

/** See the file's head. */
export const coreMutants: readonly CoreMutant[] = [
  {
    name: "a settle that is not fenced by its attempt",
    patches: [
      change(
        call,
        `return this.folded.state === "running" && this.folded.attempt === attempt.attempt;`,
        `return this.folded.state === "running" && attempt.attempt > 0;`,
      ),
    ],
  },
  {
    name: "a call that goes on after its end",
    patches: [
      change(state, `return state === "queued" || state === "running" ? event : null;`, `return state === null ? null : event;`),
      change(engine, `if (isTerminal(call.folded.state)) return { cancelled: false, state: call.folded.state };`, ""),
    ],
  },
  {
    name: "crashes that are not counted",
    patches: [change(call, "this.#crashes += 1;", "")],
  },
  {
    name: "a hand-back that costs an attempt",
    patches: [change(call, `if (settlement.reason !== "handed-back") this.#failures += 1;`, "this.#failures += 1;")],
  },
  {
    name: "idempotency keys that are ignored",
    patches: [
      change(
        ledger,
        "return this.#calls.get(call.id) ?? (call.idempotencyKey === null ? undefined : this.#byKey.get(keyOf(call)));",
        "return this.#calls.get(call.id);",
      ),
    ],
  },
  {
    name: "an acceptance that is not looked for by its id",
    patches: [change(ledger, "return this.#calls.get(call.id) ?? (", "return (")],
  },
  {
    name: "a settle that does not know its repetition",
    patches: [
      change(call, "return this.events.some(({ seq: _seq, at: _at, ...body }) => JSON.stringify(body) === text);", "return text === null;"),
    ],
  },
  {
    name: "a lease that is not extended",
    patches: [
      change(
        call,
        `extend(leaseMs: number, now: Moment): void {
    this.#leaseEndsMs = now.ms + leaseMs;`,
        `extend(leaseMs: number, now: Moment): void {
    this.#leaseEndsMs = Math.max(this.#leaseEndsMs, now.ms + leaseMs / 8);`,
      ),
    ],
  },
  {
    name: "a deadline that spares what runs",
    patches: [
      change(call, `if (this.#deadlineMs <= now.ms) this`, `if (state === "queued" && this.#deadlineMs <= now.ms) this`),
      change(
        call,
        `if (state === "running") return Math.min(expiresMs, this.#leaseEndsMs);`,
        `if (state === "running") return this.#leaseEndsMs;`,
      ),
    ],
  },
  {
    name: "a limit of the start that holds for later attempts",
    patches: [
      change(
        call,
        "this.given.startByMs === null || this.folded.attempt > 0 ?",
        'this.given.startByMs === null || this.folded.state === "running" ?',
      ),
    ],
  },
  {
    name: "a cancel that spares the children",
    patches: [change(engine, "      cancelChildren(call, now);\n", "")],
  },
  {
    name: "a timer that is not made again",
    patches: [
      change(
        engine,
        "if (dueMs === Infinity || (timer !== null && timer.dueMs <= dueMs)) return;",
        "if (dueMs === Infinity || timer !== null) return;",
      ),
    ],
  },
  {
    name: "a page that begins one event too late",
    patches: [
      change(engine, "call.events.slice(from, from + eventsPerPage)", "call.events.slice(from === 0 ? 0 : from + 1, from + eventsPerPage)"),
    ],
  },
  {
    name: "a cancel that wakes nobody",
    patches: [
      change(
        engine,
        "if (after !== before) callWakes.changed(call.given.id);",
        `if (after !== before && after.state !== "cancelled") callWakes.changed(call.given.id);`,
      ),
    ],
  },
  {
    name: "a place that is kept for an attempt that was lost",
    patches: [change(ledger, `else running.delete(call);`, `else if (call.folded.seq % 3 === 0) running.delete(call);`)],
  },
  {
    name: "a gap that is folded in",
    patches: [
      change(state, `if (event.seq !== seq + 1) throw`, `if (event.seq < seq) throw`),
      change(engine, "const from = Math.max(0, after);", "const from = Math.max(0, after > 3 ? after + 1 : after);"),
    ],
  },
];
