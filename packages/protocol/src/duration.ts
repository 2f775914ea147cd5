import { InvalidOption } from "./invalid-option.ts";

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

const durationPattern = /^(\d+(?:\.\d+)?|\.\d+)(?:[eE]([+-]?\d+))? (milli|second|minute|hour|day|week)s?$/;

/** The longest duration that is accepted: a hundred years of 365 days. */
const maxDurationMs = 100 * 365 * unitMs.day;

/** The milliseconds of a {@link Duration}, rounded to a whole number, however many; `null` when it is none. */
export function parseDuration(duration: unknown): number | null {
  const match = typeof duration === "string" ? durationPattern.exec(duration) : null;
  if (match === null) return null;
  const [, digits, exponent = "0", unit] = match;
  return Math.round(Number(`${digits}e${exponent}`) * unitMs[unit as Unit]);
}

/**
 * The milliseconds of a {@link Duration}, rounded to a whole number. Its number may have any number of digits, and an exponent: what
 * JavaScript makes of a number in a text is one (`` `${1 / 3} seconds` ``, `` `${1e-7} hours` ``).
 *
 * @param option the name of the option it was given for; the error names it.
 * @throws {InvalidOption} when it is not a duration, or longer than a hundred years.
 */
export function toMs(duration: Duration, option: string): number {
  const ms = parseDuration(duration) ?? refuse(duration, option);
  if (ms > maxDurationMs) throw new InvalidOption(option, duration, "at most a hundred years");
  return ms;
}

/**
 * Like {@link toMs}, but what is longer than a hundred years counts as a hundred: for a wait, of which the longest there is means the same.
 *
 * @throws {InvalidOption} when it is not a duration.
 */
export function toCappedMs(duration: Duration, option: string): number {
  return Math.min(parseDuration(duration) ?? refuse(duration, option), maxDurationMs);
}

function refuse(duration: unknown, option: string): never {
  const wrong = whatIsWrong(duration);
  const form = `a number, a space and a unit, such as "5 minutes" or "250 millis"`;
  throw new InvalidOption(option, duration, wrong === null ? form : `${form}; ${wrong}`);
}

/** Why a value is no duration, where that can be said more exactly than by the form. */
function whatIsWrong(duration: unknown): string | null {
  if (typeof duration === "number") return "this number has no unit";
  if (typeof duration !== "string" || duration.length > 100) return null;
  const [count = "", unit, more] = duration.split(" ");
  if (more !== undefined || count === "") return null;
  if (count === "NaN") return "NaN is not a number";
  if (/^[+-]?Infinity$/.test(count)) return "the number must be finite";
  if (Number.isNaN(Number(count))) return null;
  if (unit === undefined) return "the unit is missing";
  if (!Object.hasOwn(unitMs, unit.replace(/s$/, ""))) return "the units are millis, seconds, minutes, hours, days, weeks";
  if (count.startsWith("-")) return "the number must not be negative";
  return "the number must be written as digits, such as 5, 1.5 or 1e3";
}
