import { expect, it } from "vitest";
import { checkHouse } from "../check-house.ts";
import { smallRepository } from "./small-repository.ts";

const manifest = {
  name: "@raincheck/engine",
  type: "module",
  license: "MIT",
  exports: { ".": "./src/index.ts", "./memory": "./src/memory/index.ts" },
  publishConfig: { exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } } },
  dependencies: { "@raincheck/protocol": "workspace:*", postgres: "catalog:" },
};
const sound = {
  "package.json": {},
  "pnpm-workspace.yaml": "packages:\n  - packages/*\n\ncatalog:\n  postgres: 3.4.9\n\nallowBuilds:\n  esbuild: false\n",
  "packages/engine/package.json": manifest,
  "packages/engine/README.md": "# @raincheck/engine\n",
  "packages/engine/tsconfig.json": "{}",
};
const changed = (change: object) => ({ "packages/engine/package.json": { ...manifest, ...change } });

it("passes a package that is as it must be", async () => {
  await using repository = await smallRepository(sound);
  expect(await checkHouse(repository.at)).toEqual([]);
});

it.for([
  ["a package under another name", changed({ name: "@raincheck/motor" }), "one word for one thing"],
  ["a package that is not ESM", changed({ type: "commonjs" }), "everything here is ESM"],
  ["a package under another licence", changed({ license: "ISC" }), `"license" must be "MIT"`],
  ["a version of its own", changed({ dependencies: { postgres: "^3.0.0" } }), "every version stands once"],
  ["a package that cannot be imported when packed", changed({ publishConfig: {} }), "could not be imported"],
  [
    "an entry that only strangers can import",
    changed({ publishConfig: { exports: { ...manifest.publishConfig.exports, "./x": {} } } }),
    "nothing in the workspace tries it",
  ],
  [
    "an entry that is built elsewhere",
    changed({ publishConfig: { exports: { ".": { types: "./dist/a.d.ts", default: "./dist/index.js" } } } }),
    "must be published as ./dist/index.js",
  ],
  ["a package without a README", { "packages/engine/README.md": "" }, `begin with "# @raincheck/engine"`],
  [
    "a package that the import table does not know",
    { "packages/attic/package.json": { name: "@raincheck/attic" } },
    "packages/attic: no row",
  ],
  ["a package whose types nothing checks", { "apps/e2e/package.json": { name: "@raincheck/e2e" } }, "apps/e2e: no tsconfig.json"],
  ["an app that a release would publish", { "apps/e2e/package.json": { name: "@raincheck/e2e" } }, `an app is "private": true`],
  ["a version that nobody uses", { "pnpm-workspace.yaml": "catalog:\n  postgres: 3.4.9\n  zod: 4.0.0\n" }, "nobody uses zod"],
] as const)("refuses %s", async ([, change, says]) => {
  await using repository = await smallRepository({ ...sound, ...change });
  expect((await checkHouse(repository.at)).join("\n")).toContain(says);
});
