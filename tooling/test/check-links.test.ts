import { expect, it } from "vitest";
import { checkLinks } from "../check-links.ts";
import { smallRepository } from "./small-repository.ts";

const sound = {
  "README.md":
    "# A\n\nSee [how](docs/how.md#the-long-way), [folder](docs), [site](https://example.com/none) and [it settles `once`](test/settle.test.ts).\n",
  "docs/how.md": "# How\n\n## The long way\n\nBack [up](../README.md).\n",
  "test/settle.test.ts": "it('it settles `once`', async () => {});\n",
};

it("passes links that lead somewhere", async () => {
  await using repository = await smallRepository(sound);
  expect(await checkLinks(repository.at)).toEqual([]);
});

it.for([
  ["a file that is not there", { "docs/how.md": "# How\n\n## The long way\n\n[Gone](gone.md)\n" }, "docs/gone.md does not exist"],
  ["a heading that is not there", { "docs/how.md": "# How\n" }, "no heading for #the-long-way"],
  ["a test that is not there", { "test/settle.test.ts": "it('it settles twice', () => {});\n" }, `no test named "it settles once"`],
  ["nothing at all", { "README.md": "# A\n", "docs/how.md": "# How\n" }, "No document links"],
] as const)("refuses links to %s", async ([, change, says]) => {
  await using repository = await smallRepository({ ...sound, ...change });
  expect((await checkLinks(repository.at)).join("\n")).toContain(says);
});

it("leaves code alone", async () => {
  await using repository = await smallRepository({ ...sound, "docs/code.md": "# Code\n\n```text\n[no](link.md)\n```\n" });
  expect(await checkLinks(repository.at)).toEqual([]);
});
