/** `node simulate-mutant.ts NAME SEED STEPS`: simulates the mutant of that name, and prints what it broke as one line of JSON; `null`: nothing. */
import { loadPatched } from "../../chaos/patch/load-patched.ts";
import type { MutantFailure } from "./run-mutant.ts";
import { simulatedMutants } from "./mutants.ts";

const [name, seedText, stepsText] = process.argv.slice(2);
const [seed, steps] = [Number(seedText), Number(stepsText)];
const mutant = simulatedMutants.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`There is no mutant ${JSON.stringify(name)}.`);
loadPatched(mutant.patches);
console.log(JSON.stringify(mutant.by === "core" ? await inCore() : await inSystem()));

// What is loaded from here on is the mutant.

async function inCore(): Promise<MutantFailure | null> {
  const { runWorld } = await import("../run-world.ts");
  const { worldSteps } = await import("../run-simulation.ts");
  const all = Array.from({ length: worldSteps }, (_, step) => step);
  for (let world = 0; world * worldSteps < steps; world++) {
    const { failure } = await runWorld({ seed: seed + world, steps: all });
    if (failure !== null) return { ...failure, seed: seed + world };
  }
  return null;
}

async function inSystem(): Promise<MutantFailure | null> {
  const { runSystem } = await import("../system/run-system.ts");
  return (await runSystem({ seed, steps })).failure;
}
