import { expect, it } from "vitest";
import { type Step, runStep } from "../run-step.ts";

const script = (code: string) => ["node", "--eval", code] as const;

/** Runs a step; whether it went well, and all that was told about it. */
async function run(step: Step): Promise<{ ok: boolean; told: string }> {
  let told = "";
  const ok = await runStep(step, { cwd: import.meta.dirname, verbose: false, print: (text) => void (told += text) });
  return { ok, told };
}

it("keeps quiet about a step that went well", async () => {
  const { ok, told } = await run({ name: "well", command: script("console.log('hello')") });
  expect(ok).toBe(true);
  expect(told).toMatch(/^well … ok \(\d+\.\d s\)\n$/);
});

it("shows what a failed step said, on both streams, and the mend", async () => {
  const step = { name: "bad", command: script("console.log('one'); console.error('two'); process.exit(3)"), mend: "do better" };
  const { ok, told } = await run(step);
  expect(ok).toBe(false);
  for (const words of ["FAILED", "one", "two", "do better"]) expect(told).toContain(words);
});

it("fails a program that is not there", async () => {
  const { ok, told } = await run({ name: "none", command: ["no-such-program"] });
  expect(ok).toBe(false);
  expect(told).toContain("could not be started");
});

it("ends a step that hangs, with what it started", async () => {
  const hanging = "require('node:child_process').spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })";
  // It resolves when the output is closed: when the grandchild, which holds it open, has ended too.
  const { ok, told } = await run({ name: "hangs", command: script(hanging), limitMs: 300 });
  expect(ok).toBe(false);
  expect(told).toContain("did not end within 0.3 s");
});
