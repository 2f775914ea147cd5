import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A repository in a folder of its own, gone when it is disposed of. */
export interface SmallRepository extends AsyncDisposable {
  readonly at: string;
  readonly read: (path: string) => Promise<string>;
}

/** Writes a repository of a few files. An object becomes JSON. */
export async function smallRepository(files: Readonly<Record<string, string | object>>): Promise<SmallRepository> {
  const at = await mkdtemp(join(tmpdir(), "raincheck-checks-"));
  for (const [path, content] of Object.entries({ "packages/.keep": "", "apps/.keep": "", ...files })) {
    await mkdir(dirname(join(at, path)), { recursive: true });
    await writeFile(join(at, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return {
    at,
    read: (path) => readFile(join(at, path), "utf8"),
    [Symbol.asyncDispose]: () => rm(at, { recursive: true, force: true }),
  };
}
