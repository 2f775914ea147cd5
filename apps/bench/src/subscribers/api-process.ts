import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { endChild, startChild } from "../child.ts";

/** What an API can be asked. */
export type Question =
  /** After a collection, which is itself felt for some time: nothing is to be timed behind it. */
  { readonly type: "memory" } | { readonly type: "reads" } | { readonly type: "start"; readonly count: number } | { readonly type: "tick" };

/** What it answers. */
export interface Answer {
  /** After a collection; 0 where it was not asked. */
  readonly heapBytes: number;
  readonly rssBytes: number;
  /** Of the calls that were started. */
  readonly ids: readonly string[];
  /** Reads of events that it has made of the ledger, ever. */
  readonly events: number;
}

/** A running API. */
export interface ApiProcess {
  readonly port: number;
  ask(question: Question): Promise<Answer>;
  /** As a crash would. */
  kill(): Promise<void>;
  end(): Promise<void>;
}

/** Starts an API; it ends with `opened` at the latest. */
export async function startApi(
  opened: AsyncDisposableStack,
  url: string,
  options: { port?: number; listen?: boolean } = {},
): Promise<ApiProcess> {
  const child: ChildProcess = startChild(opened, new URL("api.ts", import.meta.url), {
    env: { DATABASE_URL: url, PORT: String(options.port ?? 0), LISTEN: String(options.listen ?? true) },
    execArgv: ["--expose-gc"],
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  const waiting = new Map<number, (answer: Answer) => void>();
  let numbers = 0;
  child.on("message", ({ number, told }: { number: number; told: Answer }) => {
    waiting.get(number)?.(told);
    waiting.delete(number);
  });
  return {
    port,
    ask: (question) =>
      new Promise((resolve) => {
        const number = ++numbers;
        waiting.set(number, resolve);
        child.send({ ...question, number });
      }),
    async kill() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    end: () => endChild(child),
  };
}
