import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { mutants } from "../../src/chaos/mutants/mutants.ts";
import { type SourcePatch, applyPatch, repositoryRoot } from "../../src/chaos/patch/source-patch.ts";
import { failpointPatches } from "../../src/chaos/sweep/failpoints.ts";
import { simulatedMutants } from "../../src/simulation/mutants/mutants.ts";

const patches: readonly SourcePatch[] = [...[...mutants, ...simulatedMutants].flatMap((mutant) => mutant.patches), ...failpointPatches];

describe("the changes that chaos and the simulation make to the product", () => {
  test.each(patches)("$file: $find", async (patch) => {
    const source = await readFile(new URL(patch.file, repositoryRoot), "utf8");
    expect(applyPatch(source, patch)).not.toBe(source);
  });

  test("a place that is not there, or twice, is refused", () => {
    const patch = { file: "a.ts", find: "b", replace: "c" };
    expect(() => applyPatch("a", patch)).toThrow("0 places");
    expect(() => applyPatch("bb", patch)).toThrow("2 places");
  });
});
