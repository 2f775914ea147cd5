import { promised } from "../broken-promise.ts";

/**
 * Demands that two values are the same, to the letter.
 *
 * @throws {BrokenPromise} when they are not.
 */
export function same(actual: unknown, expected: unknown, { invariant, subject }: { invariant: string; subject: string }): void {
  if (actual === expected) return;
  const [told, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  promised(told === wanted, invariant, () => `${subject}: ${told}, expected was ${wanted}`);
}
