/** Replies and webhooks: who asked to be told of the end of a call is, of that end, and nobody else is. */
import { isTerminal, limits } from "@raincheck/protocol";
import type { Told } from "../application/raincheck.ts";
import { type Evidence, type Finding, type LedgerCall, groupBy, sightsOf } from "./evidence.ts";
import { isSameValue } from "./stored-text.ts";

/** The machine's clock is read in whole milliseconds. */
const clockMs = 1;

/** What somebody was told of a call. */
interface Telling {
  readonly state: string;
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** I12: the consumer of a reply queue has written one row of each call that was to be told there and has ended, and none of any other. */
export function checkReplies(evidence: Evidence): Finding[] {
  const rows = groupBy(evidence.replies, ({ id }) => id);
  const owed = callsTold(evidence, "reply");
  const givenUp = lostTooOften(evidence, "~reply/");
  return callsOf(evidence).flatMap((call) => {
    const told = rows.get(call.id) ?? [];
    const expected = owed.has(call.id) && isTerminal(call.state) ? 1 : 0;
    const isMissing = told.length < expected && !givenUp.has(call.id);
    if (isMissing || told.length > expected)
      return [{ subject: call.id, message: `is ${call.state}, was to be replied ${expected} times, and was ${told.length} times` }];
    return told.flatMap((one) => misled(call, one, "its reply"));
  });
}

/** I13: the endpoint of a webhook has taken, at least once and under the call's id, the end of each call that was to be told there. */
export function checkWebhooks(evidence: Evidence): Finding[] {
  const { history, calls } = evidence;
  const posted = sightsOf(history, "posted");
  const owed = callsTold(evidence, "webhook");
  const givenUp = lostTooOften(evidence, "~webhook/");
  const known = new Set(calls.map(({ id }) => id));
  const refused = sightsOf(history, "post-refused").map(({ message }) => ({
    subject: "receiver",
    message: `was posted what it refused: ${message}`,
  }));
  const strange = posted.flatMap(({ id, call }) => {
    if (id !== call) return [{ subject: call, message: `was posted under the id ${id}` }];
    return known.has(call) && owed.has(call) ? [] : [{ subject: call, message: "was posted, and nobody had asked for that" }];
  });
  const byCall = groupBy(posted, ({ call }) => call);
  const wrong = callsOf(evidence).flatMap((call) => {
    const told = byCall.get(call.id) ?? [];
    const isTaken = told.some(({ answer }) => answer === "taken");
    if (owed.has(call.id) && isTerminal(call.state) && !isTaken && !givenUp.has(call.id))
      return [{ subject: call.id, message: `is ${call.state}, and of ${told.length} posts none was taken` }];
    return told.flatMap((one) => misled(call, one, "a post"));
  });
  return [...refused, ...strange, ...wrong];
}

function misled(call: LedgerCall, { state, value, at }: Telling, what: string): Finding[] {
  if (call.endedAt === null || at + clockMs < call.endedAt) return [{ subject: call.id, message: `was told of by ${what} before its end` }];
  return call.state === state && isSameValue(value, call.output ?? call.failure)
    ? []
    : [{ subject: call.id, message: `is ${call.state} ${call.output ?? call.failure}, and ${what} says ${state} ${value}` }];
}

/** The calls whose end was to be told so: those that were started so, and what was made of them, but for what clients have replayed. */
function callsTold({ calls, history }: Evidence, who: Told): ReadonlySet<string> {
  const keys = new Set(sightsOf(history, "submitted").flatMap(({ key, told }) => (told.includes(who) ? [key] : [])));
  const ids = new Set(sightsOf(history, "accepted").flatMap(({ key, id }) => (keys.has(key) ? [id] : [])));
  const replayed = new Set(sightsOf(history, "repeated").flatMap(({ id, key, asked }) => (key !== null && asked === "client" ? [id] : [])));
  for (const { id, repeats } of calls) if (repeats !== null && ids.has(repeats) && !replayed.has(id)) ids.add(id);
  return ids;
}

function callsOf({ calls }: Evidence): readonly LedgerCall[] {
  return calls.filter(({ tells }) => tells === null);
}

/** The calls whose reply was lost with its worker so often that it is a dead letter: the one way not to be told. */
function lostTooOften({ calls }: Evidence, prefix: string): ReadonlySet<string | null> {
  return new Set(
    calls
      .filter(({ path, state, crashes }) => path.startsWith(prefix) && state === "failed" && crashes >= limits.crashes)
      .map(({ tells }) => tells),
  );
}
