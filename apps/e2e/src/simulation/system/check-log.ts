import type { StoredEvent } from "@raincheck/engine";
import { type CallEvent, isTerminalEvent } from "@raincheck/protocol";
import { promised } from "../broken-promise.ts";
import { streamedTokens } from "./application.ts";

/** Attempts by the policy of the simulated application, and what a call may have beside them. */
const attemptsByPolicy = 4;
const mostCrashes = 3;

/** What a call was to do. */
export interface CallPlan {
  readonly path: string;
  /** How many of the first attempts fail. */
  readonly failing: number;
}

/** The end of a call, whose log must be one that a call of its plan can have. */
export function checkLog(id: string, log: readonly StoredEvent[], plan: CallPlan): StoredEvent {
  const end = log.at(-1);
  promised(end !== undefined && isTerminalEvent(end), "L1", () => `${id} has not ended: ${namesOf(log)}`);
  promised(log.filter(isTerminalEvent).length === 1, "I2", () => `${id} has ended more than once: ${namesOf(log)}`);
  let attempt = 0;
  let yielded = 0;
  let isRunning = false;
  let failures = 0;
  let crashes = 0;
  for (const [index, event] of log.entries()) {
    promised(event.seq === index + 1, "I5", () => `${id} has a gap: ${namesOf(log)}`);
    promised((event.type === "queued") === (index === 0), "I5", () => `${id} is queued in the middle: ${namesOf(log)}`);
    if (event.type === "started") {
      promised(!isRunning && event.attempt === attempt + 1, "I4", () => `${id} has a wrong attempt: ${namesOf(log)}`);
      attempt = event.attempt;
      yielded = 0;
      isRunning = true;
    } else if ("attempt" in event) {
      promised(event.attempt === attempt, "I4", () => `${id} was written by another attempt than the last: ${namesOf(log)}`);
    }
    // Each of the attempt's values, in its order, none of them twice.
    if (event.type === "yielded") promised(isNumber(event.value, yielded++), "I5", () => `${id} was told wrongly: ${tellingOf(log)}`);
    promised(
      !isFailure(event) || plan.path === "refuse" || attempt <= plan.failing,
      "I11",
      () => `${id} failed by no doing of its resolver: ${namesOf(log)}`,
    );
    if (event.type === "retrying") {
      isRunning = false;
      if (event.reason === "lost") crashes += 1;
      if (event.reason === "failed" || event.reason === "timed-out") failures += 1;
    }
  }
  const isToldWhole = end.type !== "succeeded" || plan.path !== "streaming" || yielded === streamedTokens;
  promised(isToldWhole, "I5", () => `${id} has succeeded, and not all was told: ${tellingOf(log)}`);
  promised(failures < attemptsByPolicy && crashes < mostCrashes, "I11", () => `${id} was retried too often: ${namesOf(log)}`);
  return end;
}

/** Whether the resolver threw. That it takes too long, or that its worker dies, has other names. */
function isFailure(event: CallEvent): boolean {
  if (event.type === "retrying") return event.reason === "failed";
  return event.type === "failed" && event.failure.code !== "POISON" && event.failure.code !== "TIMED_OUT";
}

/** Whether a number is what the ledger keeps, in its envelope. */
function isNumber(value: string, number: number): boolean {
  return /\d+$/.exec(value)?.[0] === String(number);
}

function tellingOf(log: readonly StoredEvent[]): string {
  return log.map((event) => (event.type === "yielded" ? event.value : event.type)).join(", ");
}

function namesOf(log: readonly StoredEvent[]): string {
  return log.map(({ seq, type }) => `${seq} ${type}`).join(", ");
}
