import { parseArgs } from "node:util";
import { benchmarks } from "./benchmarks.ts";
import type { BenchmarkOptions } from "./report.ts";

/** What the command was told. */
export interface Arguments {
  readonly names: readonly string[];
  readonly json: string | null;
  /** Whether the figures are shown in `docs/benchmarks`. */
  readonly docs: boolean;
  /** Whether nothing is measured, and what was measured last is drawn again. */
  readonly draw: boolean;
  readonly options: Omit<BenchmarkOptions, "log">;
}

/**
 * Reads the command line.
 *
 * @throws an `Error` with a sentence for whoever typed it.
 */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string" },
      rows: { type: "string", default: "1e6" },
      hold: { type: "string", default: "60" },
      json: { type: "string" },
      docs: { type: "boolean", default: true },
      draw: { type: "boolean", default: false },
    },
    allowNegative: true,
  });
  const unknown = positionals.find((name) => !benchmarks.has(name));
  if (unknown !== undefined) throw new Error(`There is no benchmark "${unknown}"; there are: ${[...benchmarks.keys()].join(", ")}.`);
  return {
    names: positionals.length > 0 ? positionals : [...benchmarks.keys()],
    json: values.json ?? null,
    docs: values.docs,
    draw: values.draw,
    options: {
      rounds: wholeNumber("rounds", values.rounds, [1, 100]),
      seconds: values.seconds === undefined ? null : wholeNumber("seconds", values.seconds, [1, 600]),
      rows: wholeNumber("rows", values.rows, [1e3, 1e8]),
      holdSeconds: wholeNumber("hold", values.hold, [1, 3_600]),
    },
  };
}

function wholeNumber(name: string, given: string, [least, most]: readonly [number, number]): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} ${given}: expected a whole number from ${least} to ${most}.`);
}
