import fc from "fast-check";
import { expect } from "vitest";
import type { AttemptRef, SettleResult, Settlement } from "../attempt.ts";
import type { Engine } from "../engine.ts";
import type { NewCall } from "../new-call.ts";
import { memoryEngine } from "../memory/index.ts";
import { parseReply, replyPlace } from "../reply.ts";
import type { RepeatKind } from "../repetition.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, newCallId, outcomeOf, type Trial } from "./trial.ts";

/** One verb, named so that it means the same on every engine: calls by the order of their acceptance, attempts by that of their claim, 0 being the latest. */
type Command =
  | { readonly verb: "accept"; readonly key: string | null; readonly input: string; readonly priority: number }
  | { readonly verb: "claim" }
  | { readonly verb: "extend"; readonly attempts: readonly number[] }
  | { readonly verb: "report"; readonly attempt: number; readonly progress: string }
  | { readonly verb: "append"; readonly attempt: number; readonly after: number; readonly values: readonly string[] }
  | { readonly verb: "settle"; readonly attempt: number; readonly settlement: Settlement }
  | { readonly verb: "commit"; readonly attempt: number; readonly output: string }
  | { readonly verb: "cancel"; readonly call: number; readonly reason: string | null }
  | { readonly verb: "repeat"; readonly call: number; readonly by: RepeatKind };

const failure = { code: "E", message: "m" };

const settlement = fc.oneof(
  // Likelier than those that end the call: most of what can go wrong needs a second attempt.
  {
    weight: 5,
    arbitrary: fc.constantFrom("failed", "timed-out").map((reason): Settlement => ({ type: "retrying", reason, failure, delayMs: 0 })),
  },
  { weight: 5, arbitrary: fc.constant<Settlement>({ type: "retrying", reason: "handed-back", failure: null, delayMs: 0 }) },
  { weight: 2, arbitrary: fc.constant<Settlement>({ type: "unknown", giveUpAfterMs: 600_000 }) },
  { weight: 1, arbitrary: fc.constantFrom("1", "2").map((output): Settlement => ({ type: "succeeded", output })) },
  { weight: 1, arbitrary: fc.constant<Settlement>({ type: "failed", failure }) },
);

const few = fc.nat({ max: 2 });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      verb: fc.constant("accept"),
      key: fc.constantFrom(null, "a", "b"),
      input: fc.constantFrom("1", "2"),
      priority: few,
    }),
  },
  { weight: 8, arbitrary: fc.record({ verb: fc.constant("claim") }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("extend"), attempts: fc.array(few, { maxLength: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant("report"), attempt: few, progress: fc.constantFrom("1", "2") }) },
  {
    weight: 3,
    arbitrary: fc.record({
      verb: fc.constant("append"),
      attempt: few,
      after: few,
      values: fc.array(fc.constantFrom("1", "2"), { maxLength: 3 }),
    }),
  },
  { weight: 10, arbitrary: fc.record({ verb: fc.constant("settle"), attempt: few, settlement }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("commit"), attempt: few, output: fc.constantFrom("1", "2") }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant("cancel"), call: few, reason: fc.constantFrom(null, "why") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      verb: fc.constant("repeat"),
      call: few,
      by: fc.constantFrom<RepeatKind>({ type: "retry" }, { type: "replay", key: null }, { type: "replay", key: "a" }),
    }),
  },
);

/** Beginning with a call, so that there is something to do; as long as that, for second and third attempts. */
const commands = fc.tuple(
  fc.constant<Command>({ verb: "accept", key: null, input: "1", priority: 0 }),
  fc.array(command, { minLength: 20, maxLength: 30, size: "max" }),
);

/** Any engine answers as the memory engine does. */
export const referenceTheme = defineTheme("reference", {
  "any order of verbs is answered as the memory engine answers it": {
    async run(trial) {
      await fc.assert(
        fc.asyncProperty(commands, async ([first, others]) => {
          const played = [first, ...others];
          const ids = played.map(() => newCallId());
          const principal = newCallId();
          const queue = `queue-${principal}`;
          const newCall = (given: Partial<NewCall>): NewCall =>
            trial.newCall({ ...given, principal, queue, replyQueues: [replyPlace(queue).queue] });
          const reference = memoryEngine();
          const expected = await play(reference, played, { ids, principal, queue, newCall });
          await reference.stop();
          expect(await play(trial.engine, played, { ids, principal, queue, newCall })).toEqual(expected);
        }),
        { numRuns: 60, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
      );
    },
    twin: engineThat("writes for attempts that are not the current one", (engine) => {
      async function unfenced(attempt: AttemptRef, write: (attempt: AttemptRef) => Promise<SettleResult>): Promise<SettleResult> {
        for (let number = attempt.attempt; number < attempt.attempt + 9; number += 1) {
          if ((await write({ id: attempt.id, attempt: number })) === "settled") return "settled";
        }
        return "stale";
      }
      return {
        report: (attempt, progress) => unfenced(attempt, (one) => engine.report(one, progress)),
        settle: (attempt, given) => unfenced(attempt, (one) => engine.settle(one, given)),
      };
    }),
  },
});

interface Cast {
  readonly ids: readonly string[];
  readonly principal: string;
  readonly queue: string;
  readonly newCall: Trial["newCall"];
}

/** Plays the commands one after the other; the answers and, at last, the whole of each call, without its times. */
async function play(engine: Engine, commands: readonly Command[], cast: Cast): Promise<readonly unknown[]> {
  const reader = { principal: cast.principal };
  const attempts: AttemptRef[] = [];
  const answers: unknown[] = [];
  const attemptAt = (index: number): AttemptRef => attempts.at(-1 - index) ?? { id: cast.ids[0] ?? "", attempt: index };
  let accepted = 0;
  for (const one of commands) {
    answers.push(await outcomeOf(perform(one)).then((outcome) => ("error" in outcome ? tagOf(outcome.error) : outcome.value)));
  }
  for (const id of cast.ids.slice(0, accepted)) {
    answers.push(withoutTimes(await engine.read(id, reader)));
    const page = await engine.events(id, 0, reader);
    answers.push(page?.lastSeq, page?.events.map(withoutTimes));
  }
  answers.push(await told());
  return answers;

  /** What the replies say, whose ids and order are each engine's own. */
  async function told(): Promise<readonly unknown[]> {
    const queues = [replyPlace(cast.queue).queue];
    const replies = await engine.claim({ worker: "reference", queues, limit: 100, leaseMs: longLeaseMs });
    const inOrder = replies
      .map(({ input }) => parseReply(input))
      .toSorted((one, other) => cast.ids.indexOf(one.id) - cast.ids.indexOf(other.id));
    return inOrder.map(withoutTimes);
  }

  async function perform(one: Command): Promise<unknown> {
    switch (one.verb) {
      case "accept": {
        const { key: idempotencyKey, input, priority } = one;
        const id = cast.ids[accepted];
        accepted += 1;
        return engine.accept(cast.newCall({ ...(id === undefined ? {} : { id }), idempotencyKey, input, priority }));
      }
      case "claim": {
        const claimed = await engine.claim({ worker: "reference", queues: [cast.queue], limit: 100, leaseMs: longLeaseMs });
        // The age of calls that went back to the queue is each engine's own.
        const inOrder = claimed.toSorted((call, other) => cast.ids.indexOf(call.id) - cast.ids.indexOf(other.id));
        attempts.push(...inOrder.map(({ id, attempt }) => ({ id, attempt })));
        return inOrder.map(withoutTimes);
      }
      case "extend":
        return engine.extend(one.attempts.map(attemptAt), longLeaseMs);
      case "report":
        return engine.report(attemptAt(one.attempt), one.progress);
      case "append":
        return engine.append(attemptAt(one.attempt), { after: one.after, values: one.values });
      case "settle":
        return engine.settle(attemptAt(one.attempt), one.settlement);
      case "commit":
        return engine.commit(attemptAt(one.attempt), async () => ({ value: "committed", output: one.output }));
      case "cancel":
        return engine.cancel(cast.ids[accepted - 1 - one.call] ?? cast.ids[0] ?? "", reader, one.reason);
      case "repeat": {
        const of = cast.ids[accepted - 1 - one.call] ?? cast.ids[0] ?? "";
        const own = cast.ids[accepted];
        const { id, queue, retentionMs } = cast.newCall(own === undefined ? {} : { id: own });
        accepted += 1;
        const limits = { priority: 0, concurrency: null, startByMs: null, deadlineMs: null, retentionMs };
        return engine.repeat(of, reader, { id, by: one.by, queue, ...limits });
      }
      default:
        return one satisfies never;
    }
  }
}

function tagOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "_tag" in error ? error._tag : error;
}

const times: readonly string[] = ["at", "createdAt", "startedAt", "endedAt"];

function withoutTimes(value: object | null): unknown {
  return value === null ? null : Object.fromEntries(Object.entries(value).filter(([key]) => !times.includes(key)));
}
