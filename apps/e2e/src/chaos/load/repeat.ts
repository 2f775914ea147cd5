import type { CallId } from "@raincheck/client";
import type { ChaosClient } from "./clients.ts";
import { attach, follow } from "./follow.ts";
import { insist } from "./insist.ts";
import type { ProcedureName } from "./scenarios.ts";
import type { Stage } from "./stage.ts";

/** The call of which others are asked for. */
interface Repeating {
  readonly procedure: ProcedureName;
  readonly id: CallId;
  /** Of a replay; null: it is a retry. */
  readonly key: string | null;
}

/** Has two clients and the server ask for another call of one that has ended, all at once, and the first one again when that has ended too. */
export async function repeat(stage: Stage, [client, second]: readonly [ChaosClient, ChaosClient], repeating: Repeating): Promise<void> {
  const { note, signal } = stage;
  const { procedure, id, key } = repeating;
  const ask = async (asked: "client" | "server", { trpc }: ChaosClient): Promise<CallId> => {
    const repeated = await insist(stage, () => {
      if (asked === "server") return trpc.repeat.mutate(repeating, { signal });
      return key === null ? trpc.calls.retry.mutate({ id }, { signal }) : trpc.calls.replay.mutate({ id, idempotencyKey: key }, { signal });
    });
    note({ kind: "repeated", of: id, id: repeated.id, key, asked });
    return repeated.id;
  };
  const [first] = await Promise.all([ask("client", client), ask("server", client), ask("client", second)]);
  await follow(stage, attach(client, procedure, first), "first");
  await ask("client", client);
}
