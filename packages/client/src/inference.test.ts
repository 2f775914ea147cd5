import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const folder = resolve(import.meta.dirname, "../test/displayed");

/** The declarations of a file, each as an editor shows it: in one line, without where its types come from. */
async function displayed(source: string): Promise<Record<string, string>> {
  const out = await mkdtemp(join(tmpdir(), "raincheck-displayed-"));
  try {
    const tsc = resolve(import.meta.dirname, "../../../node_modules/.bin/tsc");
    await promisify(execFile)(tsc, ["-p", join(folder, "tsconfig.json"), "--outDir", out]);
    const text = await readFile(join(out, "packages/client/test/displayed", source.replace(".ts", ".d.ts")), "utf8");
    const oneLine = text.replaceAll(/import\("[^"]*"\)\./g, "").replaceAll(/\s+/g, " ");
    return Object.fromEntries(
      [...oneLine.matchAll(/export declare const (\w+): (.*?);(?= export|\s*$)/g)].map(([, name, type]) => [name, type]),
    );
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

it("shows readable types in an editor", { timeout: 60_000 }, async () => {
  expect(await displayed("source.ts")).toEqual({
    report: "DeferProcedure<{ year: number; from?: unknown; }, { total: number; at: string; }, { done: number; at: string; }, never>",
    count: "DeferProcedure<void, number, unknown, never>",
    slow: "{ export: DeferProcedure<{ to: string; }, string, number, never>; }",
    handle: "Handle<{ total: number; at: string; }, { done: number; at: string; }, never>",
    result: "{ total: number; at: string; }",
    first: "FirstOf<string, number, never>",
    telling: 'Handle<{ total: number; at: string; }, unknown, "a" | { at: string; }>',
    rich: "Handle<Report, { done: number; at: Date; }, never>",
  });
});
