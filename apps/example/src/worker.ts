/** A worker process: any number of them share the calls. */
import { openWorker } from "./open-worker.ts";
import { runPart } from "./run-part.ts";

await runPart(async (parts) => {
  const { name } = parts.use(await openWorker());
  console.log(`${name} takes calls.`);
  return {};
});
