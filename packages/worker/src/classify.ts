/**
 * From how an attempt ended to what it means for its call.
 *
 * | end | outcome | the call |
 * |---|---|---|
 * | returned | succeeded | `succeeded`; nothing to settle when `ctx.call.commit()` has done it |
 * | threw, final | failed | `failed` |
 * | threw, worth a retry, attempts left | failed | queued again after the policy's delay |
 * | threw, otherwise | failed | `failed` |
 * | threw `StaleAttempt` | stale | another's by now |
 * | threw `EngineUnavailable` | handed back | queued again: the ledger's outage is not the resolver's failure |
 * | threw `PayloadUnreadable` of a later release | handed back | queued again for a worker of that release, for some ten minutes; then `failed` |
 * | time limit | timed out | queued again, or `failed` as `TIMED_OUT` after the last attempt |
 * | told `shutdown` | handed back | queued again at once |
 * | told `cancelled`, `expired`, `lost` | the same | has ended, or is another's |
 * | lease ran out | handed back | queued again at once, if it is still ours: the fence decides |
 */
import { type ClaimedCall, type Settlement, parseReplyPath } from "@raincheck/engine";
import { type Failure, type Policy, hasTag } from "@raincheck/protocol";
import type { DescribedError, RaincheckRuntime } from "@raincheck/server";
import * as Effect from "effect/Effect";
import { askWhen } from "./ask-when.ts";
import type { AttemptOutcome } from "./attempt-outcome.ts";
import { retryDelayMs } from "./retry-schedule.ts";
import type { AttemptEnd, EndFromOutside, RunningAttempt } from "./running-attempts.ts";
import { Telemetry } from "./telemetry.ts";

/** What an attempt's end means. */
export interface Verdict {
  readonly outcome: AttemptOutcome;
  /** `null`: nothing is left to write. */
  readonly settlement: Settlement | null;
  /** Whether the attempt failed in a way that is worth a retry, were it not the last. */
  readonly isRetryable: boolean;
}

/** Delays of calls that go back to the queue through no fault of their own, when going back at once would only go round in circles. */
const handBackDelays = { initialDelayMs: 1_000, factor: 2, maxDelayMs: 60_000, jitter: true } as const;

/** How often a call whose payload only a later release reads is left to a worker of that release: by these delays for some ten minutes. */
const laterReleaseTries = 25;

function isOfLaterRelease(thrown: unknown): boolean {
  return hasTag(thrown, "PayloadUnreadable") && "code" in thrown && thrown.code === "LATER_VERSION";
}

/** What {@link classify} knows beside the attempt. */
interface Classifying {
  readonly policy: Policy;
  readonly runtime: RaincheckRuntime;
}

/** Decides what the end of an attempt means for its call. */
export function classify(attempt: RunningAttempt, end: AttemptEnd, context: Classifying): Effect.Effect<Verdict, never, Telemetry> {
  switch (end.type) {
    case "returned":
      return Effect.succeed(verdict("succeeded", end.invoked.committed ? null : { type: "succeeded", output: end.invoked.output }));
    case "told":
    case "lease-ran-out":
      return Effect.succeed(classifyFromOutside(attempt, end));
    case "threw":
    case "timed-out":
      // What the resolver did after its commit no longer matters to the call.
      if (attempt.hasCommitted) return Effect.succeed(verdict("succeeded", null));
      if (end.type === "threw") return classifyError(attempt, describeSafely(context.runtime, end.error), context.policy);
      return classifyTimeOut(attempt, context.policy);
  }
}

const classifyTimeOut = Effect.fnUntraced(function* (attempt: RunningAttempt, policy: Policy) {
  const { call } = attempt;
  const failure: Failure = { code: "TIMED_OUT", message: `The attempt took longer than its time limit of ${policy.timeoutMs} ms.` };
  // `retry.when` is asked about what a resolver threw, and here it threw nothing.
  const decided = yield* retryOrFail(call, policy, { outcome: "timed-out", failure, retryAfterMs: null });
  if (isUnheard(call, decided)) yield* warnOfGivenUp(attempt, failure, new Error(failure.message));
  return decided;
});

/** Decides what an end that came from outside means for the call; the policy has no say in it. */
export function classifyFromOutside(attempt: RunningAttempt, end: EndFromOutside): Verdict {
  if (attempt.hasCommitted) return verdict("succeeded", null);
  if (end.type === "lease-ran-out" || end.reason === "shutdown") return verdict("handed-back", handedBack(0));
  return verdict(end.reason, null);
}

const classifyError = Effect.fnUntraced(function* (attempt: RunningAttempt, described: DescribedError, policy: Policy) {
  const { call } = attempt;
  const { failure, thrown, final, retryAfterMs } = described;
  if (described.ofEngine && hasTag(thrown, "StaleAttempt")) return verdict("stale", null);
  if (described.ofEngine && hasTag(thrown, "EngineUnavailable"))
    return verdict("handed-back", handedBack(yield* retryDelayMs(handBackDelays, handBacksOf(call) + 1)));
  if (isOfLaterRelease(thrown) && handBacksOf(call) < laterReleaseTries)
    return verdict("handed-back", handedBack(yield* retryDelayMs(handBackDelays, handBacksOf(call) + 1)));
  if (described.unreadableAfter !== undefined) yield* warnOfAfter(attempt, described.unreadableAfter);
  const worthRetrying = !final && (yield* askWhen(attempt, policy.retry.when, thrown));
  const decided = worthRetrying
    ? yield* retryOrFail(call, policy, { outcome: "failed", failure, retryAfterMs })
    : verdict("failed", { type: "failed", failure });
  yield* logFailure(attempt, described, decided);
  if (isUnheard(call, decided) && !described.hidden) yield* warnOfGivenUp(attempt, failure, thrown);
  return decided;
});

/** What a failure that may be retried means for its call: another attempt after the policy's delay, or its end. */
export const retryOrFail = Effect.fnUntraced(function* (
  call: ClaimedCall,
  policy: Policy,
  ended: { readonly outcome: "failed" | "timed-out"; readonly failure: Failure; readonly retryAfterMs: number | null },
) {
  const { outcome, failure } = ended;
  const failures = call.failures + 1;
  if (failures >= policy.retry.attempts) return { ...verdict(outcome, { type: "failed", failure }), isRetryable: true };
  const delayMs = ended.retryAfterMs ?? (yield* retryDelayMs(policy.retry, failures));
  return { ...verdict(outcome, { type: "retrying", reason: outcome, failure, delayMs }), isRetryable: true };
});

/** Whether this ends a reply, or a message to a webhook: nobody waits for it who would be told. */
function isUnheard(call: ClaimedCall, { settlement }: Verdict): boolean {
  return settlement?.type === "failed" && parseReplyPath(call.path) !== null;
}

const warnOfGivenUp = Effect.fnUntraced(function* (attempt: RunningAttempt, failure: Failure, error: unknown) {
  const telemetry = yield* Telemetry;
  const { kind, name, path } = parseReplyPath(attempt.call.path)!;
  const what = kind === "webhook" ? "A message to the webhook" : "A reply in the queue";
  const mend =
    kind === "webhook"
      ? "raincheck.webhook(name).messages() has it, and retry(id) posts it again"
      : "deadLetters() has it, and retry(id) delivers it again";
  telemetry.log({
    level: "error",
    event: "reply-given-up",
    message: `${what} ${name}, of ${path}, was given up with ${failure.code}: ${failure.message} ${mend}.`,
    call: attempt.label,
    error,
  });
});

const warnOfAfter = Effect.fnUntraced(function* (attempt: RunningAttempt, error: Error) {
  const telemetry = yield* Telemetry;
  telemetry.log({
    level: "warn",
    event: "retry-after-unreadable",
    message: "The wait of a RetryError could not be read; the policy's delay is taken.",
    call: attempt.label,
    error,
  });
});

const logFailure = Effect.fnUntraced(function* (attempt: RunningAttempt, described: DescribedError, decided: Verdict) {
  const { failure, hidden, thrown } = described;
  const { settlement } = decided;
  // How an endpoint is set up is wrong, and that is not to be found out a day later.
  const isFirstRefusal = failure.code === "WEBHOOK_ADDRESS_REFUSED" && attempt.call.failures === 0;
  const next = settlement?.type === "retrying" ? `it is retried in ${settlement.delayMs} ms` : "the call has failed";
  const telemetry = yield* Telemetry;
  telemetry.log({
    level: hidden ? "error" : isFirstRefusal ? "warn" : "info",
    event: "attempt-failed",
    message: `The attempt failed with ${failure.code}; ${next}.`,
    call: attempt.label,
    ...(failure.errorId !== undefined && { errorId: failure.errorId }),
    // `undefined` was thrown: still an error, and the log and the tracker must see one.
    error: thrown === undefined ? new Error("The resolver threw undefined.") : thrown,
  });
});

/** A call that goes back to the queue without spending an attempt. */
export function handedBack(delayMs: number): Settlement {
  return { type: "retrying", reason: "handed-back", failure: null, delayMs };
}

/** How often the call went back to the queue without a failure: it was handed back, or its worker died. */
function handBacksOf(call: ClaimedCall): number {
  return Math.max(0, call.attempt - 1 - call.failures);
}

/** `describe` never throws; should it do so all the same, the call must still end. */
function describeSafely(runtime: RaincheckRuntime, error: unknown): DescribedError {
  try {
    return runtime.describe(error);
  } catch {
    const failure: Failure = { code: "INTERNAL_SERVER_ERROR", message: "The attempt failed with an error that could not be described." };
    return { failure, final: false, retryAfterMs: null, thrown: error, ofEngine: false, hidden: true };
  }
}

function verdict(outcome: AttemptOutcome, settlement: Settlement | null): Verdict {
  return { outcome, settlement, isRetryable: false };
}
