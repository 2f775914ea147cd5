import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { budgets, measureClient } from "../check-client-size.ts";
import { root } from "../repository.ts";

async function measure(code: string) {
  const folder = await mkdtemp(join(tmpdir(), "raincheck-size-"));
  try {
    await writeFile(join(folder, "index.js"), code);
    return await measureClient(join(folder, "index.js"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it.for(Object.entries(budgets))("passes the client's %s", async ([entry, maxBytes]) => {
  const { gzipBytes, problems } = await measureClient(join(root, "packages/client/src", entry), maxBytes);
  expect(problems).toEqual([]);
  expect(gzipBytes).toBeGreaterThan(maxBytes / 8);
});

it.for([
  ["Node's modules", `import "node:fs"; export const a = 1;`, "The client imports node:fs"],
  ["Effect", `import { Effect } from "effect"; export const a = Effect;`, "The client imports effect"],
  [
    "tRPC's server at run time",
    `import { observable } from "@trpc/server/observable"; export const a = observable;`,
    "The client imports @trpc/server/observable",
  ],
  // Random digits do not compress to less than four bits each.
  [
    "too much",
    `export const a = "${Array.from({ length: 40_000 }, (_, i) => (((i * i * 7_919 + i * 104_729) % 65_521) % 16).toString(16)).join("")}";`,
    `more than ${budgets["index.ts"]}`,
  ],
] as const)("refuses %s", async ([, code, says]) => {
  const { problems } = await measure(code);
  expect(problems.join("\n")).toContain(says);
});
