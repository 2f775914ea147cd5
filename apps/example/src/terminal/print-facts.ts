import type { Screen } from "./screen.ts";

/** Prints a heading, and below it facts with their names. */
export function printFacts(screen: Screen, heading: string, facts: readonly (readonly [name: string, fact: string])[]): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  screen.print(
    "",
    screen.style("bold", heading),
    "",
    ...facts.map(([name, fact]) => `  ${screen.style("dim", name.padEnd(width))}  ${fact}`),
  );
}
