import { type ApiClient, connect } from "./connect.ts";
import { readConnection } from "./connection-file.ts";
import { connectionFile } from "./settings.ts";
import { Trouble } from "./trouble.ts";
import type { UserId } from "./users.ts";

/**
 * Connects to the example's API as one of its users: to the one that `EXAMPLE_URL` and `EXAMPLE_TOKEN` name, else to the one that
 * runs in this working directory.
 *
 * @throws {Trouble} when there is none that answers.
 */
export async function connectAs(user: UserId): Promise<ApiClient> {
  const { EXAMPLE_URL: url, EXAMPLE_TOKEN: token } = process.env;
  if (url !== undefined && token !== undefined) return connect({ url, token });
  const connection = await readConnection(connectionFile);
  try {
    await fetch(connection.url, { method: "HEAD" });
  } catch (cause) {
    // An API that was killed has left the file.
    throw new Trouble(
      `The API of ${connectionFile} does not answer at ${connection.url}: start one with \`npm start\`, in another terminal.`,
      { cause },
    );
  }
  return connect({ url: connection.url, token: connection.tokens[user] });
}
