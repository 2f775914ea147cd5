import { publishConnection } from "./connection-file.ts";
import { type Api, type ServeApiOptions, serveApi } from "./serve-api.ts";
import { connectionFile } from "./settings.ts";
import { issueTokens } from "./users.ts";

/** Serves the API, and lets the programs of this working directory know where. */
export async function openApi(options: ServeApiOptions): Promise<Api> {
  await using opening = new AsyncDisposableStack();
  const { url } = opening.use(await serveApi(options));
  opening.use(await publishConnection(connectionFile, { url, tokens: await issueTokens() }));
  const opened = opening.move();
  return { url, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
