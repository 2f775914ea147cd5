/** The API process. `PORT` says where it listens; without it, on any free port. */
import { openApi } from "./open-api.ts";
import { readPort } from "./read-port.ts";
import { runPart } from "./run-part.ts";

await runPart(async (parts) => {
  const { url } = parts.use(await openApi({ port: readPort(process.env["PORT"], "PORT") ?? 0 }));
  console.log(`The API serves ${url}.`);
  return { url };
});
