import { z } from "zod";
import { describeTrouble } from "./trouble.ts";

/** What a child process tells the process that started it, over IPC. */
export const ChildMessage = z.discriminatedUnion("type", [
  /** It does its work now. `url`: of an API. */
  z.object({ type: z.literal("ready"), url: z.url().optional() }),
  /** It ends with exit code 1, and this is why. */
  z.object({ type: z.literal("failed"), sentence: z.string() }),
]);

/** See the schema of the same name. */
export type ChildMessage = z.infer<typeof ChildMessage>;

/** Tells the parent, if there is one; resolves when it was handed over. */
export async function tellParent(message: ChildMessage): Promise<void> {
  if (!process.connected) return;
  // A parent that is gone needs no message: the channel's end is told by "disconnect".
  await new Promise<void>((resolve) => process.send!(message, () => resolve()));
}

/** Ends this process with exit code 1 as soon as nothing keeps it alive, and says why: to its parent, or on stderr if it has none. */
export async function endInTrouble(error: unknown): Promise<void> {
  process.exitCode = 1;
  const sentence = describeTrouble(error);
  if (process.connected) await tellParent({ type: "failed", sentence });
  else process.stderr.write(`${sentence}\n`);
}
