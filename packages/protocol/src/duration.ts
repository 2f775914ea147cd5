import { InvalidOption } from "./errors.ts";

type Unit = "milli" | "second" | "minute" | "hour" | "day" | "week";

/**
 * A length of time as one writes it: a number, a space, a unit (`"5 minutes"`, `"1 hour"`, `"250 millis"`, `"1.5 seconds"`).
 * The words are those of Effect's `Duration`.
 */
export type Duration = `${number} ${Unit}` | `${number} ${Unit}s`;

const unitMs: Record<Unit, number> = {
  milli: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};

const durationPattern = /^(\d{1,15}(?:\.\d{1,6})?) (milli|second|minute|hour|day|week)s?$/;

/** The longest duration that is accepted: a hundred years of 365 days. */
const maxDurationMs = 100 * 365 * unitMs.day;

/**
 * The milliseconds of a {@link Duration}, rounded to a whole number.
 *
 * @param option the name of the option it was given for; the error names it.
 * @throws {InvalidOption} when it is not a duration, or longer than a hundred years.
 */
export function toMs(duration: Duration, option: string): number {
  const match = typeof duration === "string" ? durationPattern.exec(duration) : null;
  if (match === null) throw new InvalidOption(option, duration, `a number, a space and a unit, such as "5 minutes" or "250 millis"`);
  const ms = Math.round(Number(match[1]) * unitMs[match[2] as Unit]);
  if (ms > maxDurationMs) throw new InvalidOption(option, duration, "at most a hundred years");
  return ms;
}
