import { endInTrouble, tellParent } from "./child-message.ts";
import { createTables, engine } from "./database.ts";
import { workingDirectory } from "./settings.ts";
import { toldToStop } from "./told-to-stop.ts";

/** What a part tells when it does its work. */
export interface StartedPart {
  /** Of an API. */
  readonly url?: string;
}

/**
 * The life of a process that serves the API, or works, or both: it opens its parts, serves until it is told to stop, and closes
 * them in the reverse order, the engine last. A part that cannot be opened ends it with one sentence and exit code 1.
 *
 * @param open opens the parts, and leaves them with the stack.
 */
export async function runPart(open: (parts: AsyncDisposableStack) => Promise<StartedPart>): Promise<void> {
  const stopping = toldToStop();
  // The embedded Postgres is shared by the processes of one directory.
  process.chdir(workingDirectory);
  try {
    await createTables();
    await using parts = new AsyncDisposableStack();
    await tellParent({ type: "ready", ...(await open(parts)) });
    await stopping;
  } catch (error) {
    await endInTrouble(error);
  } finally {
    await engine.stop();
    if (process.connected) process.disconnect();
  }
}
