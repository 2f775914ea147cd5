/** API and worker in one process, as `npm run dev` runs them: started again at each change. `PORT` says where it listens; default 4000. */
import { openApi } from "./open-api.ts";
import { openWorker } from "./open-worker.ts";
import { readPort } from "./read-port.ts";
import { runPart } from "./run-part.ts";

/** The same at each start, so that what talks to it need not look it up again. */
const defaultPort = 4_000;

await runPart(async (parts) => {
  const { name } = parts.use(await openWorker());
  const { url } = parts.use(await openApi({ port: readPort(process.env["PORT"], "PORT") ?? defaultPort }));
  console.log(`The API serves ${url}; ${name} takes calls.`);
  return { url };
});
