/** In processes of their own: what lives in virtual time cannot go back. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { SystemReport } from "../../src/simulation/system/run-system.ts";

const program = join(import.meta.dirname, "../../src/simulation/simulate.ts");

async function simulateSystem(seed: number, steps: number): Promise<SystemReport> {
  const directory = await mkdtemp(join(tmpdir(), "raincheck-simulation-"));
  try {
    const file = join(directory, "report.json");
    const args = [program, "--system", "--seed", String(seed), "--steps", String(steps), "--json", file];
    // A broken promise is in the report, and makes it exit with 1.
    await promisify(execFile)(process.execPath, args).catch((error: { code?: unknown }) => expect(error.code).toBe(1));
    return JSON.parse(await readFile(file, "utf8")) as SystemReport;
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe("the whole system under simulation", () => {
  test("keeps every promise, and everything that is to happen has", async () => {
    const { failure, happened } = await simulateSystem(1, 2_400);
    expect(failure).toBeNull();
    expect(Object.entries(happened).filter(([, count]) => count === 0)).toEqual([]);
  });

  test("repeats itself: the same seed is the same history, another seed another", async () => {
    const [one, again, other] = [await simulateSystem(7, 150), await simulateSystem(7, 150), await simulateSystem(8, 150)];
    expect({ ...again, stepsPerSecond: 0 }).toEqual({ ...one, stepsPerSecond: 0 });
    expect(other.hash).not.toBe(one.hash);
  });
});
