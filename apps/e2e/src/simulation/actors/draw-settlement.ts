import type { ClaimedCall, Settlement } from "@raincheck/engine";
import type { Random } from "../../chaos/random.ts";
import { promised } from "../broken-promise.ts";
import { policies } from "./draw-call.ts";

/** How an attempt ends, by the policy of its procedure. Each success has an output of its own: whose it is can be told. */
export function drawSettlement(call: ClaimedCall, random: Random): Settlement {
  const { retry } = policies[call.path]!;
  promised(call.failures < retry.attempts, "I11", () => `${call.id} has failed ${call.failures} times of ${retry.attempts}, and runs`);
  const how = random.weighted({ succeeded: 6, failed: 2, "timed-out": 1, final: 0.5, "handed-back": 0.7 });
  const failure = { code: "FAILED", message: `Attempt ${call.attempt} failed.` };
  switch (how) {
    case "succeeded":
      return { type: "succeeded", output: `"${call.id} by ${call.attempt}, ${random.below(1_000_000)}"` };
    case "final":
      return { type: "failed", failure };
    case "handed-back":
      return { type: "retrying", reason: how, failure: null, delayMs: 0 };
    default: {
      if (call.failures + 1 >= retry.attempts) return { type: "failed", failure };
      const longestMs = Math.min(retry.maxDelayMs, retry.initialDelayMs * retry.factor ** call.failures);
      return { type: "retrying", reason: how, failure, delayMs: random.below(longestMs + 1) };
    }
  }
}
