/** Plays a scenario as a client would, and notes what the client sees. */
import { setTimeout as sleep } from "node:timers/promises";
import { type CallEvent, type Handle, hasTag, isTerminalEvent } from "@raincheck/client";
import type { Done } from "../application/raincheck.ts";
import type { Historian } from "../history.ts";
import type { Random } from "../random.ts";
import { type ChaosClient, clientOf } from "./clients.ts";
import type { Scenario } from "./scenarios.ts";

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

async function playOut(stage: Stage, scenario: Scenario, key: string): Promise<void> {
  const { note, random, owners, clients } = stage;
  const owner = random.pick(owners);
  const [client, secondClient] = clients.get(owner)!;
  const stranger = clients.get(random.pick(owners.filter((one) => one !== owner)))![0];
  const { procedure } = scenario;
  note({ kind: "submitted", key, owner, path: procedure });
  const handles = await Promise.all(Array.from({ length: scenario.submissions }, () => submit(stage, client, { scenario, key })));
  const [handle] = handles as [Handle<Done>];
  const parts = [follow(stage, handle, "first")];
  if (scenario.followedTwice) parts.push(follow(stage, secondClient[procedure].attach(handle.id), "second"));
  if (scenario.cancelAfterMs !== null) parts.push(cancel(stage, handle, scenario.cancelAfterMs));
  if (scenario.spiedUpon) parts.push(spy(stage, stranger[procedure].attach(handle.id)));
  await Promise.all(parts);
  if (scenario.readAtEnd) {
    const { state, output } = await insist(stage, () => handle.get({ signal: stage.signal }));
    note({ kind: "read", id: handle.id, state, value: JSON.stringify(output) });
  }
}

interface Submission {
  readonly scenario: Scenario;
  readonly key: string;
}

async function submit(stage: Stage, client: ChaosClient, { scenario, key }: Submission): Promise<Handle<Done>> {
  const { note } = stage;
  const input = { ...scenario.work, tag: key };
  const handle = (await insist(
    stage,
    () => client[scenario.procedure](input, { idempotencyKey: key, signal: stage.signal }),
    (message) => note({ kind: "unanswered", key, message }),
  )) as Handle<Done>;
  note({ kind: "accepted", key, id: handle.id });
  return handle;
}

async function follow({ note, signal }: Stage, handle: Handle<Done>, follower: string): Promise<void> {
  for await (const event of handle.events({ signal })) {
    note({ kind: "followed", id: handle.id, follower, seq: event.seq, type: event.type });
    if (isTerminalEvent(event)) note({ kind: "ended", id: handle.id, follower, state: event.type, value: valueOf(event) });
  }
}

/** What the end of a call says, as text. */
function valueOf(event: CallEvent<Done>): string {
  if (event.type === "succeeded") return JSON.stringify(event.output);
  if (event.type === "failed" || event.type === "expired") return JSON.stringify(event.failure);
  return "null";
}

async function cancel(stage: Stage, handle: Handle<Done>, afterMs: number): Promise<void> {
  await sleep(afterMs, undefined, { signal: stage.signal });
  const ended = await insist(stage, () => handle.cancel("no longer needed"));
  stage.note({ kind: "cancelled", id: handle.id, ended });
}

async function spy(stage: Stage, handle: Handle<Done>): Promise<void> {
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
