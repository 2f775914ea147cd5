/** What must hold whatever happened: the invariants of safety, over everything that was seen and written. */
import { callStates, isTerminal, limits } from "@raincheck/protocol";
import type { Done } from "../application/work.ts";
import { type Evidence, type Finding, type LedgerEvent, type Violation, groupBy, sightsOf } from "./evidence.ts";
import { checkRepetitions } from "./repetitions.ts";
import { isSameValue, jsonOf } from "./stored-text.ts";
import { checkReplies, checkWebhooks } from "./told-ends.ts";
import { checkYields } from "./yields.ts";

type Check = (evidence: Evidence) => Finding[];

/** How often a resolver of the application may run by its policy. */
const attemptsByPolicy: Readonly<Record<string, number>> = { effect: 5, limited: 5, stream: 5, plain: 5, brief: 5, refuse: 3, poison: 3 };
/** The same of what takes a reply, or posts it. */
const attemptsAtReplies = 60;

/** How often a message to a webhook may be lost, which can do nothing about it; everything else as often as `limits` says. */
const crashesOfMessages = 100;

/** Procedures whose writes belong to their output. */
const transactional = new Set(["effect", "limited", "stream"]);

const terminalTypes: ReadonlySet<string> = new Set(callStates.filter(isTerminal));

const checks: Readonly<Record<string, Check>> = {
  /** Conservation: every call that was accepted is in the ledger. That all have ended is L1. */
  I1({ calls, history }) {
    const known = new Set(calls.map(({ id }) => id));
    return sightsOf(history, "accepted")
      .filter(({ id }) => !known.has(id))
      .map(({ id, key }) => ({ subject: id, message: `was accepted under the key ${key} and is not in the ledger` }));
  },

  /** One end: exactly one terminal event, the last one, which says what the row says. */
  I2({ calls, events }) {
    return calls.flatMap(({ id, state, seq }) => {
      const all = events.get(id) ?? [];
      const ends = all.filter(({ type }) => terminalTypes.has(type));
      const last = all.at(-1);
      if (isTerminal(state) && (ends.length !== 1 || ends[0]?.type !== state || last !== ends[0]))
        return [{ subject: id, message: `is ${state}, and its events say ${namesOf(all)}` }];
      if (!isTerminal(state) && ends.length > 0) return [{ subject: id, message: `is ${state} after ${namesOf(all)}` }];
      return last?.seq === seq ? [] : [{ subject: id, message: `has seq ${seq}, and its last event ${last?.seq}` }];
    });
  },

  /** Once: what was written with the output is there once if the call succeeded, and never otherwise. */
  I3({ calls, effects }) {
    const written = groupBy(effects, ({ id }) => id);
    return calls
      .filter(({ path }) => transactional.has(path))
      .flatMap(({ id, state }) => {
        const count = written.get(id)?.length ?? 0;
        const expected = state === "succeeded" ? 1 : 0;
        return count === expected ? [] : [{ subject: id, message: `is ${state}, and its effect was committed ${count} times` }];
      });
  },

  /** Fencing: attempts are numbered as they were claimed, each runs once, and only the last one has written, its output too. */
  I4({ calls, events, effects, history }) {
    const written = groupBy(effects, ({ id }) => id);
    const runs = groupBy(sightsOf(history, "resolver-started"), ({ id, attempt }) => `${id} ${attempt}`);
    const repeated = [...runs.values()]
      .filter(([first, ...more]) => more.length > 0 || !events.get(first!.id)?.some((event) => isStart(event, first!.attempt)))
      .map((all) => ({ subject: all[0]!.id, message: `ran its attempt ${all[0]!.attempt} ${all.length} times` }));
    const wrong = calls.flatMap(({ id, attempt, state, tells, output }) => {
      const started = (events.get(id) ?? []).filter(({ type }) => type === "started").map((event) => event.attempt);
      if (started.some((one, index) => one !== index + 1)) return [{ subject: id, message: `has had the attempts ${started.join(", ")}` }];
      if (started.length !== attempt) return [{ subject: id, message: `counts ${attempt} attempts, and ${started.length} have started` }];
      const end = (events.get(id) ?? []).at(-1);
      if (state === "succeeded" && end?.attempt !== attempt)
        return [{ subject: id, message: `has succeeded by attempt ${end?.attempt} of ${attempt}` }];
      // The event is numbered by the ledger; the output says who made it.
      const made = tells === null && output !== null ? (JSON.parse(jsonOf(output)) as Done) : null;
      if (made !== null && made.attempt !== attempt)
        return [{ subject: id, message: `has the output of attempt ${made.attempt} of ${attempt}` }];
      const stale = written.get(id)?.find((effect) => effect.attempt !== attempt);
      return stale === undefined ? [] : [{ subject: id, message: `has an effect of attempt ${stale.attempt} of ${attempt}` }];
    });
    return [...repeated, ...wrong];
  },

  /** Order: the ledger numbers events without a gap, and every follower sees them all, in order, once, the terminal one last. */
  I5({ events, history }) {
    const gaps = [...events]
      .filter(([, all]) => all.some(({ seq }, index) => seq !== index + 1))
      .map(([id, all]) => ({ subject: id, message: `has the events ${all.map(({ seq }) => seq).join(", ")}` }));
    const followed = groupBy(sightsOf(history, "followed"), ({ id, follower }) => `${id} ${follower}`);
    const disorder = [...followed].flatMap(([subject, seen]) => {
      const wrong = seen.findIndex(({ seq }, index) => seq !== index + 1);
      if (wrong >= 0) return [{ subject, message: `was told the events ${seen.map(({ seq }) => seq).join(", ")}` }];
      const stored = events.get(seen[0]!.id) ?? [];
      const other = seen.find(({ type }, index) => stored[index]?.type !== type);
      return other === undefined
        ? []
        : [{ subject, message: `was told of ${other.type} at ${other.seq}, where the ledger has ${stored[other.seq - 1]?.type}` }];
    });
    return [...gaps, ...disorder];
  },

  /** Agreement: whoever hears the end hears the same, and it is what the ledger has. */
  I6({ calls, history }) {
    const byId = new Map(calls.map((call) => [call.id, call]));
    const ended = sightsOf(history, "ended").flatMap(({ id, state, value, follower }) => {
      const call = byId.get(id);
      if (call === undefined) return [];
      const subject = `${id} ${follower}`;
      if (call.state !== state) return [{ subject, message: `was told ${state}, and the call is ${call.state}` }];
      return isSameValue(value, call.output ?? call.failure)
        ? []
        : [{ subject, message: `was told ${value}, and the ledger has ${call.output}` }];
    });
    const read = sightsOf(history, "read").flatMap(({ id, state, value }) => {
      const call = byId.get(id);
      if (call === undefined || (call.state === state && (state !== "succeeded" || isSameValue(value, call.output)))) return [];
      return [{ subject: id, message: `was read as ${state} ${value}, and is ${call.state} ${call.output}` }];
    });
    return [...ended, ...read];
  },

  /** Cancellation: who was told that the call is cancelled is right, and who was told that it had ended, too. Nothing is claimed afterwards. */
  I7({ calls, history }) {
    const byId = new Map(calls.map((call) => [call.id, call]));
    const answers = groupBy(sightsOf(history, "cancelled"), ({ id }) => id);
    return [...answers].flatMap(([id, all]) => {
      const state = byId.get(id)?.state;
      const wasEnded = all.some(({ ended }) => ended);
      if (wasEnded && state !== "cancelled") return [{ subject: id, message: `was cancelled, and is ${state}` }];
      // A cancel whose answer was lost is asked again, and then it had ended already: by itself.
      return !wasEnded && state !== undefined && !isTerminal(state)
        ? [{ subject: id, message: `had ended before its cancel, and is ${state}` }]
        : [];
    });
  },

  /** Deadline: nothing is started after it, by Postgres's clock. */
  I8({ calls, events }) {
    return calls.flatMap(({ id, deadline }) => {
      const late = deadline === null ? undefined : (events.get(id) ?? []).find(({ type, at }) => type === "started" && at > deadline);
      return late === undefined ? [] : [{ subject: id, message: `was started ${Math.round(late.at - deadline!)} ms after its deadline` }];
    });
  },

  /** Isolation: strangers are answered as if the call did not exist, and an output names nobody but its owner. */
  I9({ calls, history }) {
    const byId = new Map(calls.map((call) => [call.id, call]));
    const spied = sightsOf(history, "spied")
      .filter(({ code }) => code !== "NOT_FOUND")
      .map(({ id, code }) => ({ subject: id, message: `was ${code === null ? "shown to" : `refused with ${code} to`} a stranger` }));
    const misled = sightsOf(history, "ended").flatMap(({ id, state, value }) => {
      const { owner } = state === "succeeded" ? (JSON.parse(value) as Done) : { owner: null };
      return owner === null || owner === byId.get(id)?.principal ? [] : [{ subject: id, message: `gave its owner what is ${owner}'s` }];
    });
    return [...spied, ...misled];
  },

  /** Idempotency: one call for each key, however often it was submitted. */
  I10({ calls, history }) {
    const byKey = groupBy(sightsOf(history, "accepted"), ({ key }) => key);
    const answered = [...byKey].flatMap(([key, all]) => {
      const ids = new Set(all.map(({ id }) => id));
      return ids.size === 1 ? [] : [{ subject: key, message: `was answered with the calls ${[...ids].join(", ")}` }];
    });
    const ordered = calls.filter(({ repeats, tells }) => repeats === null && tells === null);
    const byInput = groupBy(ordered, ({ input }) => input);
    const stored = [...byInput.values()]
      .filter((same) => same.length > 1)
      .map((same) => ({ subject: same[0]!.input, message: `is in the ledger ${same.length} times` }));
    return [...answered, ...stored];
  },

  /** Budget: an attempt more than the policy allows was lost or handed back, and three losses are the end. */
  I11({ calls, events }) {
    return calls.flatMap(({ id, path, tells, attempt, failures, crashes }) => {
      const free = (events.get(id) ?? []).filter(({ type, body }) => type === "retrying" && costsNothing(body)).length;
      const budget = tells === null ? (attemptsByPolicy[path] ?? 0) : attemptsAtReplies;
      if (attempt > budget + crashes + free || failures > budget)
        return [{ subject: id, message: `has had ${attempt} attempts: ${failures} failed, ${crashes} lost, ${free} handed back` }];
      return crashes > (path.startsWith("~webhook/") ? crashesOfMessages : limits.crashes)
        ? [{ subject: id, message: `was lost ${crashes} times` }]
        : [];
    });
  },

  I12: checkReplies,
  I13: checkWebhooks,
  I14: checkYields,
  I15: checkRepetitions,
};

/** The violations of every invariant of safety. */
export function checkSafety(evidence: Evidence): Violation[] {
  return Object.entries(checks).flatMap(([invariant, check]) => check(evidence).map((violation) => ({ invariant, ...violation })));
}

function isStart({ type, attempt }: LedgerEvent, of: number): boolean {
  return type === "started" && attempt === of;
}

function namesOf(events: readonly LedgerEvent[]): string {
  return events.map(({ type }) => type).join(", ");
}

function costsNothing(body: string | null): boolean {
  return body !== null && (JSON.parse(body) as { reason?: string }).reason === "handed-back";
}
