import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { importRowOf, importTable } from "../lint/import-table.ts";
import { type LintFixture, lintFixtures } from "./lint-fixtures.ts";

const root = resolve(import.meta.dirname, "../..");

/** What the linter said of one fixture: `rule message`, one a finding. */
type Findings = readonly string[];
const findingsOf = new Map<LintFixture, { bad: Findings; good: Findings }>();
let ownRules: string[] = [];
let workplace = "";

/** All bad fixtures in one folder and all good ones in another, linted by the real program with the real configuration. */
beforeAll(async () => {
  workplace = await mkdtemp(join(tmpdir(), "raincheck-lint-"));
  const config = await readFile(join(root, ".oxlintrc.json"), "utf8");
  ownRules = Object.entries((JSON.parse(config) as { rules: Record<string, unknown> }).rules).flatMap(([rule, level]) =>
    level === "off" ? [] : [rule],
  );
  const lint = async (kind: "bad" | "good") => {
    const folder = join(workplace, kind);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, ".oxlintrc.json"), config);
    await cp(join(root, "tooling/lint"), join(folder, "tooling/lint"), { recursive: true });
    await writeFile(join(folder, "pnpm-workspace.yaml"), "");
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { types: [], noEmit: true }, include: ["packages", "apps"] }),
    );
    const taken = new Set<string>();
    for (const fixture of lintFixtures) {
      const path = (kind === "good" ? fixture.goodPath : undefined) ?? fixture.path;
      if (taken.has(path)) throw new Error(`Two fixtures stand at ${path}.`);
      taken.add(path);
      for (const [file, code] of Object.entries({ ...fixture.beside, [path]: fixture[kind] })) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), code);
      }
    }
    return await oxlint(folder);
  };
  const [bad, good] = [await lint("bad"), await lint("good")];
  for (const fixture of lintFixtures) {
    findingsOf.set(fixture, {
      bad: bad.get(fixture.path) ?? [],
      good: good.get(fixture.goodPath ?? fixture.path) ?? [],
    });
  }
}, 60_000);

afterAll(() => rm(workplace, { recursive: true, force: true }));

describe("every lint rule of the house fires, and on nothing beside", () => {
  it.for(lintFixtures)("$rule refuses $path", (fixture) => {
    const { bad, good } = findingsOf.get(fixture) ?? { bad: [], good: [] };
    const told = bad.filter((finding) => finding.startsWith(`${fixture.rule} `));
    expect(told, `found: ${bad.join("\n")}`).not.toEqual([]);
    expect(told.join("\n")).toContain(fixture.says ?? "");
    expect(good.filter((finding) => finding.startsWith(`${fixture.rule} `))).toEqual([]);
  });
});

it("no rule is without a fixture", () => {
  expect(ownRules.length).toBeGreaterThan(20);
  const proven = new Set(lintFixtures.map(({ rule }) => rule));
  expect(ownRules.filter((rule) => !proven.has(rule))).toEqual([]);
});

it("no row of the import table is without a fixture", () => {
  const proven = new Set(lintFixtures.filter(({ rule }) => rule === "house/import-table").map(({ path }) => importRowOf(path)));
  expect(importTable.filter((row) => !proven.has(row)).map(({ where }) => where)).toEqual([]);
});

/** Runs the linter; its findings by file. */
async function oxlint(folder: string): Promise<Map<string, string[]>> {
  const output = await new Promise<string>((done, fail) => {
    execFile(
      process.execPath,
      [join(root, "node_modules/oxlint/bin/oxlint"), "--format", "json", "--threads", "1"],
      {
        cwd: folder,
        maxBuffer: 64 << 20,
        timeout: 30_000,
        env: { ...process.env, OXLINT_TSGOLINT_PATH: join(root, "node_modules/.bin/tsgolint") },
      },
      (error, stdout, stderr) => (stdout.startsWith("{") ? done(stdout) : fail(new Error(`${stdout}${stderr}`, { cause: error }))),
    );
  });
  const findings = new Map<string, string[]>();
  const { diagnostics } = JSON.parse(output) as { diagnostics: { code?: string; message: string; help?: string; filename: string }[] };
  for (const { code = "", message, help = "", filename } of diagnostics) {
    const rule = code.replace(/^eslint\((.*)\)$/, "$1").replace(/^(.*?)(?:-plugin)?\((.*)\)$/, "$1/$2");
    findings.set(filename, [...(findings.get(filename) ?? []), `${rule} ${message} ${help}`]);
  }
  return findings;
}
