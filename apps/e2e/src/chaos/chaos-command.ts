import { parseArgs } from "node:util";
import { type FaultKind, faultKinds } from "./fault-kind.ts";

/** What the command line says. */
export interface ChaosCommand {
  /** `"run"`: load and faults for a while. `"mutants"`: the same, and then again with each faulty product. `"sweep"`: a strike at each named point. */
  readonly what: "run" | "mutants" | "sweep";
  readonly seconds: number;
  readonly seed: number;
  readonly leaseMs: number;
  readonly listen: boolean;
  readonly faults: readonly FaultKind[];
  readonly pauseMs: number;
  /** Where to write the report; null: nowhere. */
  readonly json: string | null;
}

/**
 * Reads the command line.
 *
 * @throws {Error} for a value that it does not know, with those it does.
 */
export function chaosCommand(args: readonly string[]): ChaosCommand {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      "lease-ms": { type: "string" },
      "pause-ms": { type: "string", default: "700" },
      "no-wakes": { type: "boolean", default: false },
      faults: { type: "string", default: faultKinds.join(",") },
      mutants: { type: "boolean", default: false },
      sweep: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  if (values.mutants && values.sweep) throw new Error("--mutants and --sweep are two commands: give one of them.");
  return {
    what: values.mutants ? "mutants" : values.sweep ? "sweep" : "run",
    seconds: wholeNumber(values.seconds, { name: "seconds", least: 1, most: 86_400 }),
    seed: wholeNumber(values.seed, { name: "seed", least: 0, most: 4_294_967_295 }),
    // The shorter the lease, the sooner a mutant meets what it cannot bear.
    leaseMs: wholeNumber(values["lease-ms"] ?? (values.mutants ? "1500" : "4000"), { name: "lease-ms", least: 100, most: 60_000 }),
    pauseMs: wholeNumber(values["pause-ms"], { name: "pause-ms", least: 100, most: 60_000 }),
    listen: !values["no-wakes"],
    faults: values.faults === "none" ? [] : values.faults.split(",").map(faultKind),
    json: values.json ?? null,
  };
}

function wholeNumber(text: string, { name, least, most }: { name: string; least: number; most: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new Error(`--${name} ${text}: expected a whole number from ${least} to ${most}.`);
  return value;
}

function faultKind(name: string): FaultKind {
  const known = faultKinds.find((kind) => kind === name);
  if (known === undefined) throw new Error(`--faults ${name}: expected "none" or some of ${faultKinds.join(",")}.`);
  return known;
}
