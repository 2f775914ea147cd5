import { parseArgs } from "node:util";
import type { SimulationPlan } from "./run-simulation.ts";

/** What the command line says. */
export interface SimulateCommand extends SimulationPlan {
  /** `"core"`: the core, in great numbers. `"system"`: client, server and workers too. `"mutants"`: faulty products instead. */
  readonly what: "core" | "system" | "mutants";
  /** Where to write the report; null: nowhere. */
  readonly json: string | null;
}

/**
 * Reads the command line.
 *
 * @param anySeed the seed if none is given.
 * @throws {Error} for a value that it does not know.
 */
export function simulateCommand(args: readonly string[], anySeed: number): SimulateCommand {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: {
      steps: { type: "string" },
      seed: { type: "string", default: String(anySeed) },
      only: { type: "string" },
      system: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  if (values.system && (values.mutants || values.only !== undefined)) throw new Error("--system goes with neither --mutants nor --only.");
  const what = values.mutants ? "mutants" : values.system ? "system" : "core";
  return {
    what,
    steps: wholeNumber(values.steps ?? (what === "system" ? "5000" : "1000000"), { name: "steps", least: 1, most: 1e12 }),
    seed: wholeNumber(values.seed, { name: "seed", least: 0, most: 4_294_967_295 }),
    only: values.only === undefined ? null : values.only === "none" ? [] : values.only.split(",").flatMap(range),
    json: values.json ?? null,
  };
}

function wholeNumber(text: string, { name, least, most }: { name: string; least: number; most: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Error(`--${name} ${text}: expected a whole number from ${least} to ${most}.`);
  return value;
}

/** The numbers of `3-5`, or of `9`. */
function range(text: string): number[] {
  const [, first, last = first] = /^(\d{1,7})(?:-(\d{1,7}))?$/.exec(text) ?? [];
  if (first === undefined) throw new Error(`--only ${text}: expected numbers of steps, such as 3-5,9.`);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
}
