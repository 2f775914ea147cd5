/** What `npm start` runs, as a person runs it: in a process of its own, judged by what it prints and how it ends. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test, vi } from "vitest";
import { testSchema } from "../../../tooling/vitest/test-schema.ts";
import { Program, printedPids, runs, temporaryDirectory } from "./program.ts";

/** On a busy machine the whole story may take several times its 15 seconds. */
const storyMs = 120_000;

/** From SIGKILL to the next attempt; the lease is 4 seconds. */
const restartSeconds = 6;

test("an import outlives its worker, on the embedded Postgres", { timeout: storyMs }, async () => {
  await using directory = await temporaryDirectory();
  await using start = new Program("start.ts", ["--once", "--directory", directory.path]);
  const { code, stdout, stderr } = await start.end();
  expect(stderr).toBe("");
  expect(code).toBe(0);

  // What happened, in this order.
  expect(stdout).toMatch(/queued .*started +attempt 1\n.*SIGKILL .*retrying +attempt 1: lost.*started +attempt 2\n.*succeeded +attempt 2/s);
  const [, killed] = /SIGKILL +(worker-\d)/.exec(stdout)!;
  const [, finisher] = /100 % +20,000 flights +(worker-\d)/.exec(stdout)!;
  expect(new Set([killed, finisher])).toEqual(new Set(["worker-1", "worker-2"]));

  // What the tables say.
  expect(stdout).toMatch(/rows in the table +20,000 flights of 1 import\n/);
  expect(stdout).toMatch(/attempts +2, of which 1 crash\n/);
  expect(stdout).toMatch(/events +queued 1, started 2, progress \d+, retrying 1, succeeded 1\n/);
  expect(stdout).toMatch(/terminal events +1 \(succeeded\)\n/);
  const [, restarted] = /SIGKILL to attempt 2 +([\d.]+) s/.exec(stdout)!;
  expect(Number(restarted)).toBeLessThan(restartSeconds);

  // What it was for.
  expect(stdout).toMatch(/DFW +Dallas-Fort Worth, TX +19:00 +121 /);
  expect(stdout).toMatch(/220 airports owe \$[\d,.]+ for 252,535 minutes of delay/);

  expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(printedPids(stdout)).toHaveLength(4);
  expect(printedPids(stdout).filter(runs)).toEqual([]);
  expect(existsSync(join(directory.path, ".raincheck/example.json"))).toBe(false);
});

test("serves on after the report, for the other programs, until it is told to stop", { timeout: storyMs }, async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  const environment = environmentOf(schema.name);
  await using start = new Program("start.ts", ["--directory", directory.path], environment);
  const [, curl] = await start.printed(/Ask it:\n +curl (-H "Authorization: Bearer \S+" \S+)\n[\s\S]*router\.ts\n/);
  const [, token, url] = /Bearer (\S+)" (\S+)/.exec(curl!)!;

  const response = await fetch(url!, { headers: { authorization: `Bearer ${token}` } });
  expect(await response.json()).toMatchObject({ result: { data: [{ dataset: "flights-20k", flights: 20_000, importedBy: "terminal" }] } });
  expect((await fetch(url!, { headers: { authorization: `Bearer ${"x".repeat(22)}` } })).status).toBe(401);

  const others = { ...environment, EXAMPLE_DIRECTORY: directory.path };
  await using terminal = new Program("terminal.ts", ["flights-200k"], others);
  expect(await terminal.end()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/rows in the table +200,000 flights of 1 import/),
    stderr: "",
  });
  await using billing = new Program("billing/bill-delays.ts", [], others);
  expect(await billing.end()).toMatchObject({ code: 0, stdout: expect.stringContaining("for 252,535 minutes of delay"), stderr: "" });

  start.signal("SIGINT");
  const { code, stdout, stderr } = await start.end();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(printedPids(stdout).filter(runs)).toEqual([]);
  await using late = new Program("billing/bill-delays.ts", [], others);
  expect(await late.end()).toMatchObject({ code: 1, stderr: expect.stringMatching(/^No API of the example runs here .*\n$/) });
});

test("is interrupted in the middle of the story: exit code 130, and no process is left", { timeout: storyMs }, async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  await using start = new Program("start.ts", ["--directory", directory.path], environmentOf(schema.name));
  const [text] = await start.printed(/^[\s\S]*Workers .*\n[\s\S]*progress/);
  expect(printedPids(text).map(runs)).toEqual([true, true, true]);
  start.signal("SIGINT");
  expect(await start.end()).toMatchObject({ code: 130, stderr: "" });
  expect(printedPids(text).filter(runs)).toEqual([]);
});

test("is killed itself: its processes stop by themselves", { timeout: storyMs }, async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  await using start = new Program("start.ts", ["--directory", directory.path], environmentOf(schema.name));
  const [text] = await start.printed(/^[\s\S]*Workers .*\n[\s\S]*progress/);
  expect(printedPids(text).map(runs)).toEqual([true, true, true]);
  start.signal("SIGKILL");
  await vi.waitFor(() => expect(printedPids(text).filter(runs)).toEqual([]), { timeout: 20_000, interval: 50 });
});

test("tells of a process that ends unasked, in one sentence", { timeout: storyMs }, async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  await using start = new Program("start.ts", ["--directory", directory.path], environmentOf(schema.name));
  const [text] = await start.printed(/^[\s\S]*Workers .*\n[\s\S]*progress/);
  const [api] = printedPids(text);
  process.kill(api!, "SIGKILL");
  const { code, stderr } = await start.end();
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "The process api was ended by SIGKILL, which nobody asked for; what it wrote is above.\n",
  });
  expect(printedPids(text).filter(runs)).toEqual([]);
});

function environmentOf(schema: string): Record<string, string> {
  return { DATABASE_URL: inject("postgresUrl"), RAINCHECK_SCHEMA: schema, EXAMPLE_SCHEMA: `${schema}_example` };
}
