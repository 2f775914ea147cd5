/** What must come about when the faults are over. */
import { isTerminal } from "@raincheck/protocol";
import { type Evidence, type Violation, sightsOf } from "./evidence.ts";

/** How soon after the end of a call its followers must know, when nothing is broken: the poll, and a busy machine. */
const deliveryMs = 2_000;
/** How soon the first quarter of them must know. By the poll alone it would be a quarter of a second and more: wakes that are gone for good show. */
const wokenMs = 200;

/** What the run itself saw of its end. */
export interface Ending {
  /** Whether every client saw the end of everything that it had started in time. */
  readonly drained: boolean;
  /** Whether the engines listen for notifications. */
  readonly listen: boolean;
  /** The workers that were there at the end. */
  readonly workers: readonly string[];
  /** Connections that the engines hold at the end, and how many they may. */
  readonly connections: { readonly open: number; readonly most: number };
}

/** The violations of every invariant of liveness. */
export function checkLiveness(evidence: Evidence, ending: Ending): Violation[] {
  return [
    ...allEnded(evidence, ending),
    ...deliveredInTime(evidence, ending),
    ...tailWorks(evidence, ending),
    ...nothingIsLeft(ending),
    ...endsWereExpected(evidence),
    ...refusalsWereTyped(evidence),
  ];
}

/** L1: every call ends. */
function allEnded({ calls }: Evidence, { drained }: Ending): Violation[] {
  const open = calls
    .filter(({ state }) => !isTerminal(state))
    .map(({ id, path, state, attempt }) => ({ invariant: "L1", subject: id, message: `${path} is ${state} at attempt ${attempt}` }));
  return drained || open.length > 0
    ? open
    : [{ invariant: "L1", subject: "clients", message: "some have not seen the end of what they had started" }];
}

/** L2: who follows a call hears of its end in time; by a wake, not by the poll, where wakes are sent. */
function deliveredInTime({ calls, history }: Evidence, { listen }: Ending): Violation[] {
  const tailAt = sightsOf(history, "phase").find(({ phase }) => phase === "tail")?.at ?? Infinity;
  const endedAt = new Map(calls.map((call) => [call.id, call.endedAt]));
  const delays = sightsOf(history, "ended").flatMap(({ id, at }) => {
    const settledAt = endedAt.get(id) ?? Infinity;
    return settledAt > tailAt && settledAt !== Infinity ? [{ id, delayMs: at - settledAt }] : [];
  });
  const late = delays
    .filter(({ delayMs }) => delayMs > deliveryMs)
    .map(({ id, delayMs }) => ({ invariant: "L2", subject: id, message: `was heard of ${Math.round(delayMs)} ms after its end` }));
  const middle = delays.map(({ delayMs }) => delayMs).sort((one, other) => one - other)[delays.length >> 1];
  if (!listen || middle === undefined || middle <= wokenMs) return late;
  return [
    ...late,
    { invariant: "L2", subject: "wakes", message: `half of the last calls were heard of after ${Math.round(middle)} ms or more` },
  ];
}

/** L3: the last calls of all succeed at their first attempt, and every worker has its part in them. */
function tailWorks({ calls, history }: Evidence, { workers }: Ending): Violation[] {
  const tailAt = sightsOf(history, "phase").find(({ phase }) => phase === "tail")?.at ?? Infinity;
  const keys = new Set(
    sightsOf(history, "submitted")
      .filter(({ at }) => at >= tailAt)
      .map(({ key }) => key),
  );
  const ids = new Set(
    sightsOf(history, "accepted")
      .filter(({ key }) => keys.has(key))
      .map(({ id }) => id),
  );
  const failed = calls
    .filter(({ id, state, attempt }) => ids.has(id) && (state !== "succeeded" || attempt !== 1))
    .map(({ id, state, attempt }) => ({
      invariant: "L3",
      subject: id,
      message: `one of the last calls is ${state} at attempt ${attempt}`,
    }));
  const working = new Set(
    sightsOf(history, "resolver-started")
      .filter(({ id }) => ids.has(id))
      .map(({ by }) => by),
  );
  const idle = workers
    .filter((name) => !working.has(name))
    .map((name) => ({ invariant: "L3", subject: name, message: "ran none of the last calls" }));
  return ids.size === 0 ? [{ invariant: "L3", subject: "clients", message: "no call was started after the faults" }] : [...failed, ...idle];
}

/** L4: nothing is left of what was broken. */
function nothingIsLeft({ connections }: Ending): Violation[] {
  const { open, most } = connections;
  return open <= most ? [] : [{ invariant: "L4", subject: "postgres", message: `has ${open} connections of at most ${most}` }];
}

/** L5: no process ended that nobody had ended. */
function endsWereExpected({ history }: Evidence): Violation[] {
  return sightsOf(history, "exited")
    .filter(({ expected }) => !expected)
    .map(({ by, code, signal }) => ({ invariant: "L5", subject: by, message: `ended by itself: exit code ${code}, signal ${signal}` }));
}

/** L6: a fault reaches a client as a lost connection, a late answer or `SERVICE_UNAVAILABLE`, and as nothing else. */
function refusalsWereTyped({ history }: Evidence): Violation[] {
  return sightsOf(history, "surprised").map(({ subject, message }) => ({ invariant: "L6", subject, message: `met ${message}` }));
}
