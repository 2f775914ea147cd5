/** `node simulate-mutant.ts NAME SEED WORLDS`: simulates the mutant of that name, and prints what it broke as one line of JSON; `null`: nothing. */
import { loadPatched } from "../../chaos/patch/load-patched.ts";
import { coreMutants } from "./core-mutants.ts";

const [name, seed, worlds] = process.argv.slice(2);
const mutant = coreMutants.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`There is no mutant ${JSON.stringify(name)}.`);
loadPatched(mutant.patches);
// Only now: what is loaded from here on is the mutant.
const { runWorld } = await import("../run-world.ts");
const { worldSteps } = await import("../run-simulation.ts");

const steps = Array.from({ length: worldSteps }, (_, step) => step);
let broken: object | null = null;
for (let world = 0; world < Number(worlds) && broken === null; world++) {
  const { failure } = await runWorld({ seed: Number(seed) + world, steps });
  if (failure !== null) broken = { ...failure, seed: Number(seed) + world };
}
console.log(JSON.stringify(broken));
