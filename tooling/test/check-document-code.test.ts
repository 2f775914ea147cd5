import { expect, it } from "vitest";
import { checkDocumentCode } from "../check-document-code.ts";
import { diffLines } from "../diff-lines.ts";
import { smallRepository } from "./small-repository.ts";

const example = `import { call } from "it";\n\nfunction main() {\n  // #region use\n  const answer = call();\n\n  show(answer);\n  // #endregion use\n}\n`;
const shown = (code: string, mark = "from apps/a.ts#use", language = "ts") =>
  `# A\n\n<!-- ${mark} -->\n\`\`\`${language}\n${code}\n\`\`\`\n\nText.\n`;
const sound = {
  "apps/a.ts": example,
  "apps/b.ts": example.replace("answer = call()", "answer = await call()"),
  "README.md": shown("const answer = call();\n\nshow(answer);"),
};

it("passes code that is its example's", async () => {
  await using repository = await smallRepository(sound);
  expect(await checkDocumentCode(repository.at)).toEqual([]);
});

it.for([
  ["code that differs from its example", { "README.md": shown("const answer = call();") }, "README.md:4 differs from its example"],
  ["code that nothing compiles", { "docs/b.md": "# B\n\n```ts\nlet a;\n```\n" }, "docs/b.md:3: code that nothing compiles"],
  ["a mark on a region that is not there", { "README.md": shown("", "from apps/a.ts#none") }, "found 0 and 0"],
  ["a mark on a file that is not there", { "README.md": shown("", "from apps/none.ts#use") }, "apps/none.ts does not exist"],
  [
    "a change that is longer than promised",
    { "README.md": shown("", "diff from apps/a.ts to apps/b.ts, at most 0 lines") },
    "1 lines are added",
  ],
  [
    "an import table that is not the linter's",
    { "docs/b.md": "# B\n\n<!-- import table -->\n\n- **`all`** may import anything.\n" },
    "not the linter's",
  ],
  ["documents without any example", { "README.md": "# A\n" }, "No document shows code"],
] as const)("refuses %s", async ([, change, says]) => {
  await using repository = await smallRepository({ ...sound, ...change });
  expect((await checkDocumentCode(repository.at)).join("\n")).toContain(says);
});

it("writes what is missing, and is content with it then", async () => {
  const text = shown("old") + shown("", "diff from apps/a.ts to apps/b.ts, at most 1 lines", "diff");
  await using repository = await smallRepository({ ...sound, "README.md": text });
  expect(await checkDocumentCode(repository.at)).toHaveLength(2);
  expect(await checkDocumentCode(repository.at, true)).toEqual([]);
  expect(await checkDocumentCode(repository.at)).toEqual([]);
  const written = await repository.read("README.md");
  expect(written).toContain("```ts\nconst answer = call();\n\nshow(answer);\n```\n\nText.");
  expect(written).toContain("-   const answer = call();\n+   const answer = await call();\n\n    show(answer);");
});

it("writes the linter's import table", async () => {
  await using repository = await smallRepository({ ...sound, "docs/b.md": "# B\n\n<!-- import table -->\n\n- Old.\n\nText.\n" });
  expect(await checkDocumentCode(repository.at, true)).toEqual([]);
  expect(await checkDocumentCode(repository.at)).toEqual([]);
  expect(await repository.read("docs/b.md")).toMatch(/-->\n\n- \*\*`packages\/protocol\/src\/\*\*`\*\* may import(?:.|\n)*\n\nText\.\n$/);
});

it("diffs by the fewest lines", () => {
  expect(diffLines("a\nb\nc", "a\nx\nc\nd")).toEqual(["  a", "- b", "+ x", "  c", "+ d"]);
  expect(diffLines("same", "same")).toEqual(["  same"]);
});
