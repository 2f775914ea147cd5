import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A process of its own, as in production. It ends when the channel to it closes. */
export function startChild(
  opened: AsyncDisposableStack,
  file: URL,
  options: { readonly env: NodeJS.ProcessEnv; readonly execArgv?: readonly string[] },
): ChildProcess {
  const child = fork(file, { env: { ...process.env, ...options.env }, execArgv: [...process.execArgv, ...(options.execArgv ?? [])] });
  opened.defer(() => endChild(child));
  return child;
}

/** Ends a child, and waits until it has. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (child.connected) child.disconnect();
  await ended;
}
