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

/**
 * Has two clients and the server ask for another call of one that has ended, all at once, and a client once more when that has ended too. A
 * replay of the server's has a key of its own: it tells of its end as the call did, and what clients replay tells nobody.
 */
export async function repeat(stage: Stage, [client, second]: readonly [ChaosClient, ChaosClient], repeating: Repeating): Promise<void> {
  const { note, signal } = stage;
  const { procedure, id } = repeating;
  const serverKey = repeating.key === null ? null : `${repeating.key} of the server`;
  const ask = async (asked: "client" | "server", { trpc }: ChaosClient): Promise<CallId> => {
    const key = asked === "server" ? serverKey : repeating.key;
    const repeated = await insist(stage, () => {
      if (asked === "server") return trpc.repeat.mutate({ procedure, id, key }, { signal });
      return key === null ? trpc.calls.retry.mutate({ id }, { signal }) : trpc.calls.replay.mutate({ id, idempotencyKey: key }, { signal });
    });
    note({ kind: "repeated", of: id, id: repeated.id, key, asked });
    return repeated.id;
  };
  const made = await Promise.all([ask("client", client), ask("server", client), ask("client", second)]);
  await Promise.all([...new Set(made)].map((one) => follow(stage, attach(client, procedure, one), "first")));
  await ask("client", client);
}
