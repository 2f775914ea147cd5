/** Plays a scenario as a client would, and notes what the client sees. */
import { setTimeout as sleep } from "node:timers/promises";
import { type CallEvent, type CallId, type Handle, type TerminalState, hasTag, isTerminalEvent } from "@raincheck/client";
import type { Done, Yielded } from "../application/work.ts";
import type { Historian } from "../history.ts";
import type { Random } from "../random.ts";
import { type ChaosClient, clientOf } from "./clients.ts";
import type { ProcedureName, Scenario } from "./scenarios.ts";

/** The clients of a run. */
export interface Stage {
  readonly note: Historian;
  readonly random: Random;
  /** Aborted when the run is given up; whoever waits stops waiting. */
  readonly signal: AbortSignal;
  readonly owners: readonly string[];
  /** Of each owner the first client, and a second one as in another tab. */
  readonly clients: ReadonlyMap<string, readonly [ChaosClient, ChaosClient]>;
  /** For keys that nobody else has. */
  readonly nextKey: () => string;
}

/** Sets the stage in front of an API. */
export function setStage(options: Pick<Stage, "note" | "random" | "signal"> & { readonly url: string }): Stage {
  const owners = ["ada", "bob", "cyd", "dee"];
  let keys = 0;
  return {
    ...options,
    owners,
    clients: new Map(owners.map((owner) => [owner, [clientOf(options.url, owner), clientOf(options.url, owner)]])),
    nextKey: () => `key-${(keys += 1)}`,
  };
}

/** Plays it until the client has seen the end of the call. What the client meets that no fault explains is noted. */
export async function play(stage: Stage, scenario: Scenario): Promise<void> {
  const key = stage.nextKey();
  try {
    await playOut(stage, scenario, key);
  } catch (error) {
    if (!stage.signal.aborted) stage.note({ kind: "surprised", subject: key, message: `${codeOf(error) ?? ""} ${String(error)}`.trim() });
  }
}

type ChaosHandle = Handle<Done, unknown, Yielded>;

async function playOut(stage: Stage, scenario: Scenario, key: string): Promise<void> {
  const { note, random, owners, clients } = stage;
  const owner = random.pick(owners);
  const [client, secondClient] = clients.get(owner)!;
  const stranger = clients.get(random.pick(owners.filter((one) => one !== owner)))![0];
  const { procedure, told } = scenario;
  note({ kind: "submitted", key, owner, path: procedure, told });
  const handles = await Promise.all(Array.from({ length: scenario.submissions }, () => submit(stage, client, { scenario, key })));
  const [handle] = handles as [ChaosHandle];
  const ended = follow(stage, handle, "first");
  const parts: Promise<unknown>[] = [ended];
  if (scenario.followedTwice) parts.push(follow(stage, attach(secondClient, procedure, handle.id), "second"));
  if (scenario.cancelAfterMs !== null) parts.push(cancel(stage, handle, scenario.cancelAfterMs));
  if (scenario.spiedUpon) parts.push(spy(stage, attach(stranger, procedure, handle.id)));
  await Promise.all(parts);
  if (scenario.readAtEnd) {
    const { state, output } = await insist(stage, () => handle.get({ signal: stage.signal }));
    note({ kind: "read", id: handle.id, state, value: JSON.stringify(output) });
  }
  if (!scenario.repeated) return;
  const isDeadLetter = ["failed", "expired"].includes(await ended);
  await repeat(stage, [client, secondClient], { procedure, id: handle.id, key: isDeadLetter ? null : key });
}

interface Submission {
  readonly scenario: Scenario;
  readonly key: string;
}

async function submit(stage: Stage, client: ChaosClient, { scenario, key }: Submission): Promise<ChaosHandle> {
  const { note, signal } = stage;
  const { procedure, told } = scenario;
  const work = { ...scenario.work, tag: key };
  const handle = await insist(
    stage,
    async (): Promise<ChaosHandle> => {
      if (told.length === 0) return (await client.defer[procedure](work, { idempotencyKey: key, signal })) as ChaosHandle;
      const { id } = await client.trpc.start.mutate({ procedure, work, key, told }, { signal });
      return attach(client, procedure, id);
    },
    (message) => note({ kind: "unanswered", key, message }),
  );
  note({ kind: "accepted", key, id: handle.id });
  return handle;
}

function attach({ defer }: ChaosClient, procedure: ProcedureName, id: CallId): ChaosHandle {
  return defer[procedure].attach(id) as ChaosHandle;
}

/** Follows a call to its end, and resolves with how that was. */
async function follow({ note, signal }: Stage, handle: ChaosHandle, follower: string): Promise<TerminalState> {
  const { id } = handle;
  for await (const event of handle.events({ signal })) {
    note({ kind: "followed", id, follower, seq: event.seq, type: event.type });
    if (event.type === "yielded") note({ kind: "heard", id, follower, attempt: event.attempt, value: event.value });
    if (!isTerminalEvent(event)) continue;
    note({ kind: "ended", id, follower, state: event.type, value: valueOf(event) });
    return event.type;
  }
  throw new Error("The events have come to an end before the call has.");
}

interface Repeating {
  readonly procedure: ProcedureName;
  readonly id: CallId;
  /** Of a replay; null: it is a retry. */
  readonly key: string | null;
}

/** Has two clients and the server ask for another call of one that has ended, all at once, and the first one again when that has ended too. */
async function repeat(stage: Stage, [client, second]: readonly [ChaosClient, ChaosClient], repeating: Repeating): Promise<void> {
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

/** What the end of a call says, as text. */
function valueOf(event: CallEvent<Done>): string {
  if (event.type === "succeeded") return JSON.stringify(event.output);
  if (event.type === "failed" || event.type === "expired") return JSON.stringify(event.failure);
  return "null";
}

async function cancel(stage: Stage, handle: ChaosHandle, afterMs: number): Promise<void> {
  await sleep(afterMs, undefined, { signal: stage.signal });
  const ended = await insist(stage, () => handle.cancel("no longer needed"));
  stage.note({ kind: "cancelled", id: handle.id, ended });
}

async function spy(stage: Stage, handle: ChaosHandle): Promise<void> {
  for (const act of [() => handle.get({ signal: stage.signal }), () => handle.cancel("mine now")]) {
    const code = await insist(stage, () => refusalOf(act));
    stage.note({ kind: "spied", id: handle.id, code });
  }
}

async function refusalOf(act: () => Promise<unknown>): Promise<string | null> {
  try {
    await act();
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === null || code === "SERVICE_UNAVAILABLE" || code === "INTERNAL_SERVER_ERROR") throw error;
    return code;
  }
}

/** Repeats what nobody answered, as a client would whose request got lost. */
async function insist<TValue>(
  { signal, random }: Stage,
  act: () => Promise<TValue>,
  onUnanswered: (message: string) => void = () => undefined,
): Promise<TValue> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (hasTag(error, "CallFailed")) throw error;
      const code = codeOf(error);
      if (code !== null && code !== "SERVICE_UNAVAILABLE" && code !== "TIMEOUT") throw error;
      onUnanswered(error instanceof Error ? error.message : String(error));
      await sleep(random.between(50, 200), undefined, { signal });
    }
  }
}

/** The code of a tRPC error that the server sent; null: no answer came. */
function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("data" in error)) return null;
  const { data } = error;
  return typeof data === "object" && data !== null && "code" in data && typeof data.code === "string" ? data.code : null;
}
