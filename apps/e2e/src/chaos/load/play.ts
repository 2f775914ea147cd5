/** Plays a scenario as a client would, and notes what the client sees. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ChaosClient } from "./clients.ts";
import { type ChaosHandle, attach, follow } from "./follow.ts";
import { codeOf, insist } from "./insist.ts";
import { repeat } from "./repeat.ts";
import { type Scenario, peaceful } from "./scenarios.ts";
import type { Stage } from "./stage.ts";

/** For the clients to have followed one; whoever has not by then is broken already, and that shows. */
const meetMs = 10_000;

/**
 * Has every client follow a call, before the first fault. Where no subscription has ever worked a client goes by snapshots, which leave events
 * out; once one has, none may be missing.
 */
export async function meet(stage: Stage): Promise<void> {
  const signal = AbortSignal.any([stage.signal, AbortSignal.timeout(meetMs)]);
  await Promise.all(stage.owners.map((owner) => play({ ...stage, signal }, { ...peaceful, followedTwice: true }, owner)));
}

/** Plays it until the client has seen the end of the call. What the client meets that no fault explains is noted. */
export async function play(stage: Stage, scenario: Scenario, owner = stage.random.pick(stage.owners)): Promise<void> {
  const key = stage.nextKey();
  try {
    await playOut(stage, scenario, { key, owner });
  } catch (error) {
    if (!stage.signal.aborted) stage.note({ kind: "surprised", subject: key, message: `${codeOf(error) ?? ""} ${String(error)}`.trim() });
  }
}

async function playOut(stage: Stage, scenario: Scenario, { key, owner }: { readonly key: string; readonly owner: string }): Promise<void> {
  const { note, random, owners, clients } = stage;
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
      if (told.length === 0) return await client.defer[procedure](work, { idempotencyKey: key, signal });
      const { id } = await client.trpc.start.mutate({ procedure, work, key, told }, { signal });
      return attach(client, procedure, id);
    },
    (message) => note({ kind: "unanswered", key, message }),
  );
  note({ kind: "accepted", key, id: handle.id });
  return handle;
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
