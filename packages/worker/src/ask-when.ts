import type { RetryPolicy } from "@raincheck/protocol";
import * as Effect from "effect/Effect";
import type { RunningAttempt } from "./running-attempts.ts";
import { Telemetry } from "./telemetry.ts";

/**
 * Whether the policy's `retry.when` takes an error for worth a retry. One that throws or gives a promise has not answered, and is warned
 * of; then it is worth one, because a retry too many costs an attempt, and a retry too few would cost the call.
 */
export const askWhen = Effect.fnUntraced(function* (attempt: RunningAttempt, when: RetryPolicy["when"], thrown: unknown) {
  if (when === null) return true;
  const telemetry = yield* Telemetry;
  const call = attempt.label;
  try {
    const answer: unknown = when(thrown);
    if (!isPromise(answer)) return Boolean(answer);
    // Nobody else handles its rejection, and that would end the process.
    if (answer instanceof Promise) answer.catch(() => {});
    const message = `retry.when of ${call.path} gave a promise, which is not waited for; the error counts as worth a retry. Give true or false.`;
    telemetry.log({ level: "warn", event: "retry-when-async", message, call });
    return true;
  } catch (error) {
    const message = "retry.when threw; the error counts as worth a retry.";
    telemetry.log({ level: "warn", event: "retry-when-threw", message, call, error });
    return true;
  }
});

function isPromise(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "then" in answer && typeof answer.then === "function";
}
