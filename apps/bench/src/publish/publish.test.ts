import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { benchmarks } from "../benchmarks.ts";
import { draw } from "./draw.ts";
import { folder, readReport, withTable } from "./publish.ts";

const document = await readFile(new URL("README.md", folder), "utf8");

test.each([...benchmarks.keys()])("what the page shows of %s is made of its figures", async (name) => {
  const report = await readReport(name);
  expect(report).not.toBeNull();
  expect(withTable(document, report!)).toBe(document);
  expect(document).toContain(`(${name}.svg)`);
  const chart = await readFile(new URL(`${name}.svg`, folder), "utf8");
  // Nobody wants to read how two charts differ.
  expect(chart === (await draw(report!)), "drawn of other figures: npm run bench -- --draw").toBe(true);
});

test("other figures would be another table", async () => {
  const report = (await readReport("closed"))!;
  const results = report.results.map((result, index) => (index === 0 ? { ...result, peer: "somebody else" } : result));
  expect(withTable(document, { ...report, results })).not.toBe(document);
});
