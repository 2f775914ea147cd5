/** Loaded before the application's own programs: makes this process run the mutant that `CHAOS_MUTANT` names. */
import { loadPatched } from "../patch/load-patched.ts";
import { mutants } from "./mutants.ts";

const mutant = mutants.find(({ name }) => name === process.env["CHAOS_MUTANT"]);
if (mutant === undefined) throw new Error(`There is no mutant ${JSON.stringify(process.env["CHAOS_MUTANT"])}.`);
loadPatched(mutant.patches);
