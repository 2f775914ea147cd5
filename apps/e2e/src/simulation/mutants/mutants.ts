/** Ways in which the product could be wrong, each a small change of its source. The simulation is believed because it catches all. */
import type { SourcePatch } from "../../chaos/patch/source-patch.ts";

/** A product with a fault. */
export interface SimulatedMutant {
  readonly name: string;
  /** Which simulation must catch it: of the core, or of the whole system. */
  readonly by: "core" | "system";
  readonly patches: readonly SourcePatch[];
}

const call = "packages/engine/src/memory/memory-call.ts";
const ledger = "packages/engine/src/memory/memory-ledger.ts";
const engine = "packages/engine/src/memory/memory-engine.ts";
const repetition = "packages/engine/src/repetition.ts";
const page = "packages/engine/src/memory/event-page.ts";
const living = "packages/engine/src/memory/living-calls.ts";
const state = "packages/protocol/src/call-state.ts";
const follow = "packages/server/src/follow-calls.ts";

function change(file: string, find: string, replace: string): SourcePatch {
  return { file, find, replace };
}

/** See the file's head. */
export const simulatedMutants: readonly SimulatedMutant[] = [
  {
    by: "core",
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
    by: "core",
    name: "a call that goes on after its end",
    patches: [
      change(state, `return state === "queued" || state === "running" ? event : null;`, `return state === null ? null : event;`),
      change(engine, `if (isTerminal(call.folded.state)) return { cancelled: false, state: call.folded.state };`, ""),
    ],
  },
  {
    by: "core",
    name: "crashes that are not counted",
    patches: [change(call, "this.#crashes += 1;", "")],
  },
  {
    by: "core",
    name: "a hand-back that costs an attempt",
    patches: [change(call, `if (settlement.reason !== "handed-back") this.#failures += 1;`, "this.#failures += 1;")],
  },
  {
    by: "core",
    name: "idempotency keys that are ignored",
    patches: [
      change(ledger, "return this.#calls.get(id) ?? (key === null ? undefined : this.#byKey.get(key));", "return this.#calls.get(id);"),
    ],
  },
  {
    by: "core",
    name: "an acceptance that is not looked for by its id",
    patches: [change(ledger, "return this.#calls.get(id) ?? (", "return (")],
  },
  {
    by: "core",
    name: "a call that is retried as often as somebody asks",
    patches: [
      change(repetition, `if (by.type === "retry") return JSON.stringify({ retry: of });`, `if (by.type === "retry") return null;`),
    ],
  },
  {
    by: "core",
    name: "a retry of what has not failed",
    patches: [change(repetition, `? ["failed", "expired"]`, `? ["failed", "expired", "cancelled"]`)],
  },
  {
    by: "core",
    name: "a cancelled call whose end is told to nobody",
    patches: [
      change(
        living,
        "if (!isTerminal(before.state)) this.#reply",
        `if (!isTerminal(before.state) && after.state !== "cancelled") this.#reply`,
      ),
    ],
  },
  {
    by: "core",
    name: "an end that is told twice",
    patches: [
      change(
        living,
        "if (!isTerminal(before.state)) this.#reply(call, now);",
        "if (!isTerminal(before.state)) { this.#reply(call, now); this.#reply(call, now); }",
      ),
    ],
  },
  {
    by: "core",
    name: "a settle that does not know its repetition",
    patches: [
      change(call, "return this.events.some(({ seq: _seq, at: _at, ...body }) => JSON.stringify(body) === text);", "return text === null;"),
    ],
  },
  {
    by: "core",
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
    by: "core",
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
    by: "core",
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
    by: "core",
    name: "a cancel that spares the children",
    patches: [change(engine, "      cancelChildren(call, now);\n", "")],
  },
  {
    by: "core",
    name: "a timer that is not made again",
    patches: [
      change(
        living,
        "if (dueMs === Infinity || (this.#timer !== null && this.#timer.dueMs <= dueMs)) return;",
        "if (dueMs === Infinity || this.#timer !== null) return;",
      ),
    ],
  },
  {
    by: "core",
    name: "an append that does not look at what is there already",
    patches: [change(call, "values.slice(this.#yielded - after)", "values")],
  },
  {
    by: "core",
    name: "a page that begins one event too late",
    patches: [change(page, "let index = Math.max(0, after);", "let index = after <= 0 ? 0 : after + 1;")],
  },
  {
    by: "core",
    name: "a cancel that wakes nobody",
    patches: [
      change(
        living,
        "if (after !== before) this.wakes.changed(",
        `if (after !== before && after.state !== "cancelled") this.wakes.changed(`,
      ),
    ],
  },
  {
    by: "core",
    name: "a place that is kept for an attempt that was lost",
    patches: [change(ledger, `else running.delete(call);`, `else if (call.folded.seq % 3 === 0) running.delete(call);`)],
  },
  {
    by: "core",
    name: "a gap that is folded in",
    patches: [
      change(state, `if (event.seq !== seq + 1) throw`, `if (event.seq < seq) throw`),
      change(page, "let index = Math.max(0, after);", "let index = Math.max(0, after > 3 ? after + 1 : after);"),
    ],
  },
  {
    by: "core",
    name: "a worker that vouches for nothing",
    patches: [change(call, "if (this.#giveUpMs !== Infinity) this.#giveUpMs = now.ms + giveUpAfterMs;", "")],
  },
  {
    by: "system",
    name: "a client whose cursor does not move",
    patches: [
      change("packages/client/src/followed-call.ts", "      follower.cursor = event.seq;\n      if (event.type", "      if (event.type"),
    ],
  },
  {
    by: "system",
    name: "a client that does not subscribe again",
    patches: [change("packages/client/src/follow.ts", "    for (const call of calls) call.leaveWatch();\n", "")],
  },
  {
    by: "system",
    name: "a watch that forgets the wakes that come while it reads",
    patches: [
      change(follow, "for (const call of batch) call.changed = false;", ""),
      change(follow, "if (hasMore(page, call)) change(call);", "call.changed = false;\nif (hasMore(page, call)) change(call);"),
    ],
  },
  {
    by: "system",
    name: "a worker that settles once and then takes its own fault for the attempt's",
    patches: [
      change(
        "packages/worker/src/settle-attempt.ts",
        `while: (fault) => fault._tag === "EngineUnavailable" || refusals < refusedTries }`,
        `while: (fault) => fault._tag !== "EngineUnavailable" && refusals < refusedTries }`,
      ),
    ],
  },
  {
    by: "system",
    name: "a worker that numbers what it yields anew when it has had no answer",
    patches: [
      change(
        "packages/worker/src/yield-writer.ts",
        "const result = yield* engine.append(attempt.ref, { after: written, values }).pipe(",
        `const result = yield* Effect.suspend(() => engine.append(attempt.ref, { after: written, values })).pipe(
          Effect.tapError(() => Effect.sync(() => (written += values.length))),`,
      ),
    ],
  },
  {
    by: "system",
    name: "a worker that settles before it has written what was yielded",
    patches: [
      change(
        "packages/server/src/drain-yields.ts",
        "        await yields.flush();\n        return step.value;",
        "        return step.value;",
      ),
      change("packages/worker/src/yield-writer.ts", "const closeWaitMs = 1_000;", "const closeWaitMs = 0;"),
    ],
  },
  {
    by: "system",
    name: "a worker that renews no lease",
    patches: [
      change(
        "packages/worker/src/lease-keeper.ts",
        "const attempts = due.filter(({ hasCommitted }) => !hasCommitted);",
        "const attempts = due.slice(due.length);",
      ),
    ],
  },
  {
    by: "system",
    name: "an outage that counts as the resolver's failure",
    patches: [
      change(
        "packages/worker/src/classify.ts",
        `if (described.ofEngine && hasTag(thrown, "EngineUnavailable"))`,
        `if (described.ofEngine && hasTag(thrown, "EngineAway"))`,
      ),
    ],
  },
];
