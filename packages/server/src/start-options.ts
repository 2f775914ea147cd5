import { InvalidOption, type Policy, type StartOptions, limits, refuseUnknownOptions, toMs, wholeNumber } from "@raincheck/protocol";

/** What {@link StartOptions} and the policy say together, in milliseconds. */
export interface ResolvedStartOptions {
  readonly idempotencyKey: string | null;
  readonly priority: number;
  readonly delayMs: number;
  readonly startByMs: number | null;
  readonly deadlineMs: number | null;
  readonly detached: boolean;
}

/** The names of {@link StartOptions}. */
export const startOptionNames: readonly string[] = [
  "idempotencyKey",
  "delay",
  "startBy",
  "deadline",
  "priority",
  "detached",
] satisfies (keyof StartOptions)[];

/**
 * Fills in what a caller left to the policy.
 *
 * @throws {InvalidOption} for anything that is not as {@link StartOptions} says, an unknown option included, and for times that
 *   no call could meet.
 */
export function resolveStartOptions(options: StartOptions, policy: Policy): ResolvedStartOptions {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new InvalidOption("options", options, "an object of start options");
  refuseUnknownOptions(options, startOptionNames, "options.");
  const delayMs = options.delay === undefined ? 0 : toMs(options.delay, "options.delay");
  const startByMs = options.startBy === undefined ? policy.startByMs : toMs(options.startBy, "options.startBy");
  const deadlineMs = options.deadline === undefined ? policy.deadlineMs : toMs(options.deadline, "options.deadline");
  const { detached = false } = options;
  if (typeof detached !== "boolean") throw new InvalidOption("options.detached", detached, "true or false");
  refuseUnlessLonger(startByMs, delayMs, { name: "startBy", given: options.startBy });
  refuseUnlessLonger(deadlineMs, delayMs, { name: "deadline", given: options.deadline });
  return {
    idempotencyKey: checkedKey(options.idempotencyKey, "options.idempotencyKey"),
    priority: wholeNumber(options.priority ?? policy.priority, "options.priority", { min: -1000, max: 1000 }),
    delayMs,
    startByMs,
    deadlineMs,
    detached,
  };
}

function refuseUnlessLonger(
  limitMs: number | null,
  delayMs: number,
  option: { name: "startBy" | "deadline"; given: string | undefined },
): void {
  if (limitMs === null || limitMs > delayMs) return;
  const shown = option.given ?? `${limitMs} millis, by the policy`;
  const expected = delayMs === 0 ? "more than nothing" : `more than the delay of ${delayMs} ms, or the call could never begin`;
  throw new InvalidOption(`options.${option.name}`, shown, expected);
}

/**
 * An idempotency key; `null` for none.
 *
 * @throws {InvalidOption}
 */
export function checkedKey(key: unknown, name: string): string | null {
  if (key === undefined) return null;
  if (typeof key !== "string" || key === "" || key.length > limits.idempotencyKeyChars) {
    throw new InvalidOption(name, key, `a string of 1 to ${limits.idempotencyKeyChars} characters`);
  }
  return key;
}
