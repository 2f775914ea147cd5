/** How the programs of one working directory find its API: a file for its owner alone, written by the API, removed when it ends. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { Trouble, codeOf } from "./trouble.ts";

/** The URL of an API, and a token for each of the users. */
export const Connection = z.object({
  url: z.url(),
  tokens: z.object({ terminal: z.string(), billing: z.string() }),
});

/** See the schema of the same name. */
export type Connection = z.infer<typeof Connection>;

/**
 * Writes the file, whole or not at all. Disposing of the result removes it, unless another API has written it since.
 *
 * @throws {Trouble} when it cannot be written.
 */
export async function publishConnection(path: string, connection: Connection): Promise<AsyncDisposable> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(connection, null, 2)}\n`, { flag: "wx", mode: 0o600 });
    await rename(draft, path);
  } catch (cause) {
    throw new Trouble(
      `${path}, which says where the API is, cannot be written (${codeOf(cause)}): free that place, or work in another --directory.`,
      { cause },
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      const now = await readConnection(path).catch(() => null);
      if (now?.url === connection.url) await rm(path, { force: true });
    },
  };
}

/**
 * Reads the file.
 *
 * @throws {Trouble} when there is none: no API runs.
 */
export async function readConnection(path: string): Promise<Connection> {
  try {
    return Connection.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new Trouble(`No API of the example runs here (${path} says where): start one with \`npm start\`, in another terminal.`, {
      cause,
    });
  }
}
