import { describe, expect, it } from "vitest";
import { checkArrows } from "../check-arrows.ts";
import { smallRepository } from "./small-repository.ts";

const drawing = (arrows: string) => `# A\n\n<!-- arrows -->\n\`\`\`text\n${arrows}\n\`\`\`\n`;

/** Two packages, drawn as they are. */
const sound = {
  "docs/architecture.md": drawing("protocol\nengine → protocol"),
  "packages/protocol/package.json": { name: "@raincheck/protocol" },
  "packages/protocol/src/index.ts": "",
  "packages/engine/package.json": { name: "@raincheck/engine", dependencies: { "@raincheck/protocol": "workspace:*" } },
  "packages/engine/src/index.ts": `import {\n  toMs,\n} from "@raincheck/protocol";\n`,
};

describe("the arrows", () => {
  it("are drawn as they are", async () => {
    await using repository = await smallRepository(sound);
    expect(await checkArrows(repository.at)).toEqual([]);
  });

  it.for([
    ["a package that is not drawn", { "docs/architecture.md": drawing("protocol") }, "does not draw engine"],
    [
      "a drawn package that is not there",
      { "docs/architecture.md": drawing("protocol\nengine → protocol\nattic") },
      "attic, which is no package",
    ],
    ["a dependency without an arrow", { "docs/architecture.md": drawing("protocol\nengine") }, "no arrow is drawn"],
    ["an arrow without a dependency", { "docs/architecture.md": drawing("protocol → engine\nengine → protocol") }, "does not depend on it"],
    [
      "a test dependency that is not drawn",
      { "packages/protocol/package.json": { name: "@raincheck/protocol", devDependencies: { "@raincheck/engine": "workspace:*" } } },
      "uses engine in tests",
    ],
    [
      "a drawn test dependency that is not there",
      { "docs/architecture.md": drawing("protocol ⇢ engine\nengine → protocol") },
      "not in the devDependencies",
    ],
    [
      "an import without an arrow",
      { "packages/protocol/src/index.ts": `export type { Engine } from "@raincheck/engine";\n` },
      "no arrow from protocol to engine",
    ],
    [
      "a late import without an arrow",
      { "packages/protocol/src/a.ts": `await import("@raincheck/engine/memory");\n` },
      "no arrow from protocol to engine",
    ],
    [
      "a circle, be it through tests",
      {
        "docs/architecture.md": drawing("protocol ⇢ engine\nengine → protocol"),
        "packages/protocol/package.json": { name: "@raincheck/protocol", devDependencies: { "@raincheck/engine": "workspace:*" } },
      },
      "protocol → engine → protocol",
    ],
    ["a document without a drawing", { "docs/architecture.md": "# A\n" }, "no block below"],
  ] as const)("refuse %s", async ([, change, says]) => {
    await using repository = await smallRepository({ ...sound, ...change });
    expect((await checkArrows(repository.at)).join("\n")).toContain(says);
  });

  it("let a test, and only a test, use what is drawn for tests", async () => {
    const files = {
      ...sound,
      "docs/architecture.md": drawing("protocol\nclient → protocol ⇢ engine\nengine → protocol"),
      "packages/client/package.json": {
        name: "@raincheck/client",
        dependencies: { "@raincheck/protocol": "workspace:*" },
        devDependencies: { "@raincheck/engine": "workspace:*" },
      },
      "packages/client/src/handle.test.ts": `import "@raincheck/engine";\n`,
    };
    await using tested = await smallRepository(files);
    expect(await checkArrows(tested.at)).toEqual([]);
    await using shipped = await smallRepository({ ...files, "packages/client/src/handle.ts": `import "@raincheck/engine";\n` });
    expect((await checkArrows(shipped.at)).join("\n")).toContain("packages/client/src/handle.ts imports @raincheck/engine");
  });
});
