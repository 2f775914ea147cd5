/** An option was refused where it was written. */
export class InvalidOption extends TypeError {
  readonly _tag = "InvalidOption";
  readonly code = "INVALID_OPTION";
  /** The option's name, with the path to it: `retry.attempts`. */
  readonly option: string;

  /** @param about the value, and what would be accepted, to follow "expected"; or the whole sentence. */
  constructor(option: string, ...about: [value: unknown, expected: string] | [sentence: string]) {
    super(about.length === 1 ? about[0] : `Invalid ${option}: ${show(about[0])}; expected ${about[1]}.`);
    this.name = "InvalidOption";
    this.option = option;
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  if (typeof value === "function") return "a function";
  return String(value);
}

/**
 * Refuses options that nothing reads: most are misspelt.
 *
 * @param prefix what stands before the option's name in the message, such as `retry.`.
 * @throws {InvalidOption} that names the first of them, and what is known.
 */
export function refuseUnknownOptions(options: object, known: readonly string[], prefix = ""): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const option = `${prefix}${unknown.slice(0, 100)}`;
  const meant = known.find((name) => isNear(unknown, name));
  const guess = meant === undefined ? "" : ` Did you mean ${prefix}${meant}?`;
  throw new InvalidOption(option, `Unknown option ${option}.${guess} Known are: ${known.join(", ")}.`);
}

/** Whether one letter makes the difference, or two that changed places, or the case of any. */
function isNear(given: string, known: string): boolean {
  const [one, other] = [given.toLowerCase(), known.toLowerCase()];
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const [oneRest, otherRest] = [one.slice(start), other.slice(start)];
  const swapped = `${oneRest[1] ?? ""}${oneRest[0] ?? ""}${oneRest.slice(2)}`;
  return (
    oneRest.slice(1) === otherRest.slice(1) || oneRest.slice(1) === otherRest || oneRest === otherRest.slice(1) || swapped === otherRest
  );
}
