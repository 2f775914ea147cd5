import { type Duration, toMs } from "./duration.ts";
import { InvalidOption, refuseUnknownOptions } from "./invalid-option.ts";
import { limits } from "./limits.ts";

/** How a procedure answers. */
export type CallMode = "sync" | "async";

/** What a procedure declares with `deferrable(builder, policy)`. Everything is optional. */
export interface PolicyOptions {
  /** The queue whose workers run it: letters, digits, `_`, `-`, `.`; at most 64 characters. Default `"default"`. */
  readonly queue?: string;
  /** The longest one attempt may run. Default `"15 minutes"`. */
  readonly timeout?: Duration;
  /** When and how often a failed attempt is repeated. */
  readonly retry?: RetryOptions;
  /**
   * The longest time the call may wait for its first attempt; then it ends as `expired`. At most the `deadline`, if there is one.
   * Default: no limit.
   */
  readonly startBy?: Duration;
  /** The longest time from the acceptance to the end; then it ends as `expired`. Default: no limit. */
  readonly deadline?: Duration;
  /**
   * How long the call and its events are kept after its end. `"0 millis"`: no longer than that, so that whoever does not wait for the result
   * at that moment reads `NOT_FOUND`. Default `"7 days"`.
   */
  readonly retention?: Duration;
  /** Calls with a higher number are delivered first; a whole number from -1000 to 1000. Default 0. */
  readonly priority?: number;
  /**
   * Attempts of this procedure that run at once, over all workers; a whole number from 1 to 10,000. A call for which there is no
   * room waits without a worker and in nobody's way. Each call keeps the number that it was accepted with. Default: no limit.
   */
  readonly concurrency?: number;
  /** Whether the procedure may (`"optional"`), must (`"required"`) or must not (`"forbidden"`) be called in async mode. Default `"optional"`. */
  readonly mode?: PolicyMode;
  /** The largest input that is accepted, in bytes of its stored form. Default 1 MiB. */
  readonly maxInputBytes?: number;
  /** The largest output that is kept, in bytes of its stored form. Default 16 MiB. */
  readonly maxOutputBytes?: number;
  /**
   * The most values that one attempt of an `async function*` may yield; the attempt that yields more ends the call as failed. A whole
   * number from 1 to 1,000,000. Default 20,000.
   */
  readonly maxYields?: number;
  /** The most that one attempt may yield in all, in bytes of its stored form; more ends the call as failed. Default 16 MiB. */
  readonly maxYieldedBytes?: number;
}

/** See {@link PolicyOptions.mode}. */
export type PolicyMode = "optional" | "required" | "forbidden";

/** See {@link PolicyOptions.retry}. */
export interface RetryOptions {
  /** Attempts in all, the first included; 1 means no retry. From 1 to 1000. Default 3. */
  readonly attempts?: number;
  /** The delay before the second attempt. Default `"1 second"`, or `maxDelay` if that is shorter. */
  readonly initialDelay?: Duration;
  /** What each further delay is multiplied by; from 1 to 100. Default 2. */
  readonly factor?: number;
  /** The longest delay, no shorter than `initialDelay`. Default `"5 minutes"`, or `initialDelay` if that is longer. */
  readonly maxDelay?: Duration;
  /** Full jitter: each delay is drawn evenly from 0 up to its full length. Default `true`. */
  readonly jitter?: boolean;
  /**
   * Whether an error is worth a retry; it gets what the resolver threw, and answers at once: an async function is refused, and one that
   * gives a promise all the same, or throws, is warned of in the worker's log and counts as `true`. Default: every error that is not final.
   */
  readonly when?: (error: unknown) => boolean;
  /**
   * Attempts a second that one worker begins while the procedure fails: once so many attempts in a row have failed there, in a way that is
   * worth a retry, and until one succeeds. Its other calls wait, spend no attempt, and hold up no other procedure. A whole number from
   * 1 to 10,000. Default 100.
   */
  readonly maxPerSecond?: number;
}

/** A policy with every default filled in and every duration in milliseconds. */
export interface Policy {
  readonly queue: string;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly startByMs: number | null;
  readonly deadlineMs: number | null;
  readonly retentionMs: number;
  readonly priority: number;
  /** `null`: no limit. */
  readonly concurrency: number | null;
  readonly mode: PolicyMode;
  readonly maxInputBytes: number;
  readonly maxOutputBytes: number;
  readonly maxYields: number;
  readonly maxYieldedBytes: number;
}

/** The retry part of a {@link Policy}. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly initialDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: boolean;
  readonly when: ((error: unknown) => boolean) | null;
  readonly maxPerSecond: number;
}

const queuePattern = /^[A-Za-z0-9_.-]{1,64}$/;
const policyModes: readonly PolicyMode[] = ["optional", "required", "forbidden"];
const knownOptions: readonly string[] = [
  "queue",
  "timeout",
  "retry",
  "startBy",
  "deadline",
  "retention",
  "priority",
  "concurrency",
  "mode",
  "maxInputBytes",
  "maxOutputBytes",
  "maxYields",
  "maxYieldedBytes",
] satisfies (keyof PolicyOptions)[];
const knownRetryOptions: readonly string[] = [
  "attempts",
  "initialDelay",
  "factor",
  "maxDelay",
  "jitter",
  "when",
  "maxPerSecond",
] satisfies (keyof RetryOptions)[];

/**
 * Fills in the defaults of a policy.
 *
 * @throws {InvalidOption} for anything that is not as {@link PolicyOptions} says, an unknown option included.
 */
export function resolvePolicy(options: PolicyOptions = {}): Policy {
  refuseUnknown(options, knownOptions, "");
  const { mode = "optional" } = options;
  if (!policyModes.includes(mode)) throw new InvalidOption("mode", mode, `"optional", "required" or "forbidden"`);
  const startByMs = options.startBy === undefined ? null : positiveMs(options.startBy, "startBy");
  const deadlineMs = options.deadline === undefined ? null : positiveMs(options.deadline, "deadline");
  if (startByMs !== null && deadlineMs !== null && startByMs > deadlineMs)
    throw new InvalidOption("startBy", options.startBy, `at most the deadline, which is "${options.deadline}"`);
  return {
    queue: queueName(options.queue ?? "default", "queue"),
    timeoutMs: positiveMs(options.timeout ?? "15 minutes", "timeout"),
    retry: resolveRetry(options.retry),
    startByMs,
    deadlineMs,
    retentionMs: toMs(options.retention ?? "7 days", "retention"),
    priority: wholeNumber(options.priority ?? 0, "priority", { min: -1000, max: 1000 }),
    concurrency: options.concurrency === undefined ? null : wholeNumber(options.concurrency, "concurrency", { min: 1, max: 10_000 }),
    mode,
    maxInputBytes: wholeNumber(options.maxInputBytes ?? 1_048_576, "maxInputBytes", { min: 1, max: limits.payloadBytes }),
    maxOutputBytes: wholeNumber(options.maxOutputBytes ?? 16 * 1_048_576, "maxOutputBytes", { min: 1, max: limits.payloadBytes }),
    maxYields: wholeNumber(options.maxYields ?? 20_000, "maxYields", { min: 1, max: limits.yields }),
    maxYieldedBytes: wholeNumber(options.maxYieldedBytes ?? 16 * 1_048_576, "maxYieldedBytes", { min: 1, max: limits.payloadBytes }),
  };
}

function resolveRetry(options: RetryOptions = {}): RetryPolicy {
  refuseUnknown(options, knownRetryOptions, "retry.");
  const { factor = 2, jitter = true, when } = options;
  if (typeof factor !== "number" || !(factor >= 1 && factor <= 100))
    throw new InvalidOption("retry.factor", factor, "a number from 1 to 100");
  if (typeof jitter !== "boolean") throw new InvalidOption("retry.jitter", jitter, "true or false");
  if (when !== undefined && typeof when !== "function") throw new InvalidOption("retry.when", when, "a function of the error");
  if (Object.prototype.toString.call(when).startsWith("[object Async"))
    throw new InvalidOption("retry.when", "Invalid retry.when: an async function; expected one that gives true or false at once.");
  return {
    attempts: wholeNumber(options.attempts ?? 3, "retry.attempts", { min: 1, max: 1000 }),
    ...resolveDelays(options),
    factor,
    jitter,
    when: when ?? null,
    maxPerSecond: wholeNumber(options.maxPerSecond ?? 100, "retry.maxPerSecond", { min: 1, max: 10_000 }),
  };
}

function resolveDelays({ initialDelay, maxDelay }: RetryOptions): Pick<RetryPolicy, "initialDelayMs" | "maxDelayMs"> {
  const initialDelayMs = toMs(initialDelay ?? "1 second", "retry.initialDelay");
  const maxDelayMs = toMs(maxDelay ?? "5 minutes", "retry.maxDelay");
  if (initialDelay === undefined) return { initialDelayMs: Math.min(initialDelayMs, maxDelayMs), maxDelayMs };
  if (maxDelay === undefined) return { initialDelayMs, maxDelayMs: Math.max(initialDelayMs, maxDelayMs) };
  if (maxDelayMs < initialDelayMs)
    throw new InvalidOption("retry.maxDelay", maxDelay, `no less than retry.initialDelay, which is "${initialDelay}"`);
  return { initialDelayMs, maxDelayMs };
}

/**
 * Checks a queue's name.
 *
 * @param option the name of the option it was given for.
 * @throws {InvalidOption} unless it is 1 to 64 letters, digits, `_`, `-` or `.`.
 */
export function queueName(value: string, option: string): string {
  if (typeof value !== "string" || !queuePattern.test(value))
    throw new InvalidOption(option, value, "1 to 64 letters, digits, '_', '-' or '.'");
  return value;
}

/**
 * Checks a whole number.
 *
 * @throws {InvalidOption} unless it is a whole number in the range.
 */
export function wholeNumber(value: number, option: string, range: { min: number; max: number }): number {
  if (!Number.isSafeInteger(value) || value < range.min || value > range.max) {
    throw new InvalidOption(option, value, `a whole number from ${range.min} to ${range.max}`);
  }
  return value;
}

function positiveMs(duration: Duration, option: string): number {
  const ms = toMs(duration, option);
  if (ms === 0) throw new InvalidOption(option, duration, "at least a millisecond");
  return ms;
}

function refuseUnknown(options: object, known: readonly string[], prefix: string): void {
  if (typeof options !== "object" || options === null)
    throw new InvalidOption(prefix === "" ? "policy" : prefix.slice(0, -1), options, "an object of options");
  refuseUnknownOptions(options, known, prefix);
}
