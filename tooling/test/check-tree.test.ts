import { expect, it } from "vitest";
import { checkTrees } from "../check-tree.ts";
import { smallRepository } from "./small-repository.ts";

const drawn = (tree: string) => `# A\n\n<!-- tree -->\n\`\`\`text\n${tree}\n\`\`\`\n`;
const sound = {
  "packages/empty/dist/built.js": "",
  "README.md": drawn("packages/\n  engine/     the port\n    engine.ts\napps/"),
  "packages/engine/engine.ts": "",
  "packages/engine/other.ts": "",
  "packages/engine/dist/built.js": "",
};

it("passes a tree that is as the folders are", async () => {
  await using repository = await smallRepository(sound);
  expect(await checkTrees(repository.at)).toEqual([]);
});

it.for([
  [
    "a drawn folder that is not there",
    { "README.md": drawn("packages/\n  engine/\n  attic/\napps/") },
    "packages/attic, which does not exist",
  ],
  ["a folder that is not drawn", { "packages/client/index.ts": "" }, "packages/ without its folder client/"],
  ["a folder drawn as a file", { "README.md": drawn("packages/\n  engine\napps/") }, "end its name with a slash"],
  ["a repository without a tree", { "README.md": "# A\n" }, "No document draws a tree"],
] as const)("refuses %s", async ([, change, says]) => {
  await using repository = await smallRepository({ ...sound, ...change });
  expect((await checkTrees(repository.at)).join("\n")).toContain(says);
});

it("compares a tree that begins elsewhere", async () => {
  const readme = "# E\n\n<!-- tree packages/engine -->\n```text\nsrc/\n  memory/\n```\n";
  await using repository = await smallRepository({
    "docs/engine.md": readme,
    "packages/engine/src/memory/a.ts": "",
    "packages/engine/src/postgres/b.ts": "",
  });
  expect(await checkTrees(repository.at)).toEqual(["docs/engine.md:4 draws packages/engine/src/ without its folder postgres/."]);
});
