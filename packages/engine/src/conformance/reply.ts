import { type CallId, limits } from "@raincheck/protocol";
import { expect } from "vitest";
import type { ClaimedCall } from "../claim-request.ts";
import type { Engine } from "../engine.ts";
import type { Reader } from "../call-record.ts";
import type { Repeat } from "../repetition.ts";
import type { NewCall } from "../new-call.ts";
import { type StoredReply, parseReply, parseReplyPath, replyPlace } from "../reply.ts";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { type Trial, newCallId, outcomeOf } from "./trial.ts";

const failure = { code: "E", message: "no more seats" };
const tellsNobody = acceptingThat("tells nobody", () => ({ replyQueues: [] }));

/** A call of the test that wants its end to be told in the reply queue of the test's own name. */
function running(trial: Trial, given: Partial<NewCall> = {}): Promise<ClaimedCall> {
  return trial.running({ replyQueues: [replyPlace(trial.queue).queue], ...given });
}

function repliesNow(trial: Trial, engine: Engine = trial.engine): Promise<readonly ClaimedCall[]> {
  return trial.claim({ queues: [replyPlace(trial.queue).queue], limit: 10 }, engine);
}

/** Claims the next reply, which must tell of a call. */
async function replyOf(trial: Trial, id: CallId, engine: Engine = trial.engine): Promise<{ call: ClaimedCall; told: StoredReply }> {
  const call = await trial.claimSoon({ queues: [replyPlace(trial.queue).queue] }, engine);
  const told = parseReply(call.input);
  expect(told.id).toBe(id);
  expect(parseReplyPath(call.path)).toEqual({ kind: "reply", name: trial.queue, path: "flights.report" });
  expect(call).toMatchObject({ principal: replyPlace(trial.queue).principal, failures: 0 });
  return { call, told };
}

/** The end of a call is told in a reply queue. */
export const replyTheme = defineTheme("reply", {
  "whatever ends a call, its reply says how": {
    async run(trial) {
      const { owner, engine } = trial;
      const nothing = { output: null, failure: null, cancelReason: null, repeats: null, path: "flights.report", ...owner };
      const succeeded = await running(trial);
      await engine.settle(succeeded, { type: "succeeded", output: `"1"` });
      const first = await replyOf(trial, succeeded.id);
      const { endedAt } = await trial.read(succeeded.id);
      expect(first.told).toEqual({ ...nothing, id: succeeded.id, state: "succeeded", attempt: 1, output: `"1"`, endedAt });

      const committed = await running(trial);
      await engine.commit(committed, async () => ({ value: 1, output: "2" }));
      expect((await replyOf(trial, committed.id)).told).toMatchObject({ ...nothing, state: "succeeded", output: "2" });

      const failed = await running(trial);
      await engine.settle(failed, { type: "failed", failure });
      expect((await replyOf(trial, failed.id)).told).toMatchObject({ ...nothing, state: "failed", failure });

      for (const cancelled of [
        await trial.accept({ replyQueues: [replyPlace(trial.queue).queue], delayMs: 60_000 }),
        (await running(trial)).id,
      ]) {
        await engine.cancel(cancelled, owner, "enough");
        expect((await replyOf(trial, cancelled)).told).toMatchObject({ ...nothing, state: "cancelled", cancelReason: "enough" });
      }

      const expired = await trial.accept({ replyQueues: [replyPlace(trial.queue).queue], startByMs: 1, delayMs: 60_000 });
      const { told } = await replyOf(trial, expired);
      expect(told).toMatchObject({ ...nothing, state: "expired", attempt: 0, failure: { code: "START_BY_PASSED" } });
    },
    twin: tellsNobody,
  },

  "the end that nobody has settled is told too": {
    async run(trial) {
      const { id } = await running(trial);
      let attempt = { id, attempt: 1 };
      for (const last of [false, false, true]) {
        await trial.engine.extend([attempt], 1);
        if (last) break;
        attempt = await trial.claimSoon();
      }
      expect((await replyOf(trial, id)).told).toMatchObject({ state: "failed", failure: { code: "POISON" }, attempt: 3 });

      const parent = await running(trial, { replyQueues: [] });
      const child = await trial.accept({ replyQueues: [replyPlace(trial.queue).queue], startedBy: parent });
      await trial.engine.cancel(parent.id, trial.owner, null);
      expect((await replyOf(trial, child)).told).toMatchObject({ state: "cancelled" });

      const unknown = await running(trial);
      await trial.engine.settle(unknown, { type: "unknown", giveUpAfterMs: 1 });
      expect((await replyOf(trial, unknown.id)).told).toMatchObject({ state: "failed", failure: { code: "UNKNOWN_PROCEDURE" } });
    },
    twin: tellsNobody,
  },

  "the reply of a call that has yielded says what it resulted in, once": {
    async run(trial) {
      const attempt = await running(trial);
      await trial.engine.append(attempt, { after: 0, values: ["1", "2"] });
      expect(await repliesNow(trial)).toEqual([]);
      await trial.engine.commit(attempt, async () => ({ value: 1, output: "3" }));
      expect((await replyOf(trial, attempt.id)).told).toMatchObject({ state: "succeeded", attempt: 1, output: "3" });
      expect(await trial.engine.append(attempt, { after: 2, values: ["4"] })).toBe("stale");
      expect(await repliesNow(trial)).toEqual([]);
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "yielded", "yielded", "succeeded"]);
    },
    twin: tellsNobody,
  },

  "a call tells of its end in each of its reply queues, and its replies are found by it": {
    async run(trial) {
      const other = trial.queue;
      const { id } = await running(trial, { replyQueues: [replyPlace(trial.queue).queue, replyPlace(other, "webhook").queue] });
      const silent = await running(trial);
      await trial.engine.cancel(id, trial.owner, null);
      await trial.engine.cancel(silent.id, trial.owner, null);
      const [first] = await trial.claim({ queues: [replyPlace(trial.queue).queue], limit: 1 });
      const { queue, principal } = replyPlace(other, "webhook");
      const second = await trial.claimSoon({ queues: [queue] });
      expect(parseReply(second.input)).toEqual(parseReply(first!.input));
      expect(parseReplyPath(second.path)).toEqual({ kind: "webhook", name: other, path: "flights.report" });
      const query = { path: null, state: null, cursor: null, limit: 10 };
      const told = async (reader: Reader, tells?: CallId) =>
        (await trial.engine.list(reader, { ...query, tells })).calls.map((call) => ({ id: call.id, tells: call.tells }));
      expect(await told({ principal }, id)).toEqual([{ id: second.id, tells: id }]);
      expect(await told({ principal })).toEqual([{ id: second.id, tells: id }]);
      expect(await told({ principal }, silent.id)).toEqual([]);
      expect(await told(trial.owner, id)).toEqual([]);
      expect((await told({ principal: replyPlace(trial.queue).principal })).map(({ tells }) => tells)).toEqual([silent.id, id]);
      expect(await trial.engine.read(id, trial.owner)).toMatchObject({ tells: null });
    },
    twin: acceptingThat("tells its first queue alone", ({ replyQueues }) => ({ replyQueues: replyQueues.slice(0, 1) })),
  },

  "to one endpoint only so many replies go at once, and the others follow": {
    async run(trial) {
      const { queue } = replyPlace(trial.queue, "webhook");
      const ended = Array.from({ length: 10 }, () => trial.accept({ replyQueues: [queue] }));
      for (const id of await Promise.all(ended)) await trial.engine.cancel(id, trial.owner, null);
      const first = await trial.claim({ queues: [queue], limit: 10 });
      expect(first).toHaveLength(8);
      expect(await trial.claim({ queues: [queue], limit: 10 })).toEqual([]);
      await trial.engine.settle(first[0]!, { type: "succeeded", output: "1" });
      await trial.engine.settle(first[1]!, { type: "retrying", reason: "failed", failure, delayMs: 60_000 });
      const others = [await trial.claimSoon({ queues: [queue] }), await trial.claimSoon({ queues: [queue] })];
      expect(new Set([...first, ...others].map(({ id }) => id)).size).toBe(10);
      expect(others.map(({ attempt }) => attempt)).toEqual([1, 1]);
    },
    twin: acceptingThat("tells consumers, of whom nobody is waited for", ({ replyQueues }) => ({
      replyQueues: replyQueues.map((queue) => queue.replace("webhook/", "reply/")),
    })),
  },

  "a message to an endpoint outlives the workers that die with it": {
    async run(trial) {
      const { queue } = replyPlace(trial.queue, "webhook");
      await trial.engine.cancel(await trial.accept({ replyQueues: [queue] }), trial.owner, null);
      let attempt = await trial.claimSoon({ queues: [queue] });
      for (let crashes = 0; crashes < limits.crashes; crashes += 1) {
        await trial.engine.extend([attempt], 1);
        attempt = await trial.claimSoon({ queues: [queue] });
      }
      expect(attempt).toMatchObject({ attempt: limits.crashes + 1, failures: 0 });
    },
    twin: acceptingThat("tells consumers, who may be the ones that kill", ({ replyQueues }) => ({
      replyQueues: replyQueues.map((queue) => queue.replace("webhook/", "reply/")),
    })),
  },

  "a call without a reply queue tells nobody, and an attempt that does not end it tells nothing": {
    async run(trial) {
      const silent = await trial.running();
      await trial.engine.settle(silent, { type: "succeeded", output: "1" });
      const retried = await running(trial);
      await trial.engine.settle(retried, { type: "retrying", reason: "failed", failure, delayMs: 0 });
      const back = await trial.claimSoon();
      await trial.engine.settle(back, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      expect(await repliesNow(trial)).toEqual([]);
      await trial.engine.settle(await trial.claimSoon(), { type: "succeeded", output: "1" });
      expect((await replyOf(trial, retried.id)).told.attempt).toBe(3);
      expect(await repliesNow(trial)).toEqual([]);
    },
    twin: acceptingThat("tells of every call", ({ queue }) => ({ replyQueues: [replyPlace(queue).queue] })),
  },

  "a call tells of its end once, however often it is settled, and a stale attempt tells nothing": {
    async run(trial) {
      const attempt = await running(trial);
      expect(await outcomeOf(trial.engine.commit({ ...attempt, attempt: 7 }, async () => ({ value: 1, output: "7" })))).toHaveProperty(
        "error",
      );
      const thrown = await outcomeOf(trial.engine.commit(attempt, () => Promise.reject(new Error("not yet"))));
      expect(thrown).toHaveProperty("error");
      expect(await repliesNow(trial)).toEqual([]);
      await Promise.all([1, 2, 3].map(() => trial.engine.settle(attempt, { type: "succeeded", output: "1" })));
      await trial.engine.cancel(attempt.id, trial.owner, null);
      await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      await replyOf(trial, attempt.id);
      expect(await repliesNow(trial)).toEqual([]);
    },
    twin: engineThat("hands every reply out twice", (engine) => {
      const told: ClaimedCall[] = [];
      return {
        claim: async (request) => {
          const calls = [...(await engine.claim(request)), ...told.splice(0)];
          told.push(...calls.filter(({ path }) => parseReplyPath(path) !== null));
          return calls;
        },
      };
    }),
  },

  "a reply fails, is retried, and is a dead letter, as any call": {
    async run(trial) {
      const { id } = await running(trial);
      await trial.engine.cancel(id, trial.owner, null);
      const { call } = await replyOf(trial, id);
      const reader = { principal: call.principal };
      await trial.engine.settle(call, { type: "retrying", reason: "failed", failure, delayMs: 0 });
      const again = await trial.claimSoon({ queues: [call.queue] });
      expect(again).toMatchObject({ id: call.id, attempt: 2, failures: 1, input: call.input });
      await trial.engine.settle(again, { type: "failed", failure });
      const list = await trial.engine.list(reader, { path: null, state: "failed", cursor: null, limit: 10 });
      expect(list.calls.map((one) => one.id)).toEqual([call.id]);
      for (const stranger of [trial.owner, { principal: null }]) expect(await trial.engine.read(call.id, stranger)).toBeNull();
      const { retentionMs } = trial.newCall();
      const given = { id: newCallId(), by: { type: "retry" }, queue: call.queue, priority: 0, concurrency: null, startByMs: null } as const;
      await trial.engine.repeat(call.id, reader, { ...given, deadlineMs: null, retentionMs });
      expect(await trial.claimSoon({ queues: [call.queue] })).toMatchObject({ id: given.id, path: call.path, input: call.input });
    },
    twin: tellsNobody,
  },

  "a repetition tells of its end in the queue of the call that it repeats, and which that was, or where it is told to": {
    async run(trial) {
      const dead = await running(trial);
      await trial.engine.settle(dead, { type: "failed", failure });
      await replyOf(trial, dead.id);
      const { queue, retentionMs } = trial.newCall();
      const limits = { queue, priority: 0, concurrency: null, startByMs: null, deadlineMs: null, retentionMs };
      const repeat = async (given: Partial<Repeat>): Promise<CallId> => {
        const id = newCallId();
        await trial.engine.repeat(dead.id, trial.owner, { id, by: { type: "replay", key: null }, ...limits, ...given });
        await trial.engine.settle(await trial.claimSoon(), { type: "succeeded", output: "1" });
        return id;
      };
      expect((await replyOf(trial, await repeat({}))).told).toMatchObject({ repeats: dead.id, state: "succeeded" });
      await repeat({ replyQueues: [] });
      expect(await repliesNow(trial)).toEqual([]);
      const elsewhere = replyPlace(`${trial.queue}.other`).queue;
      const told = await repeat({ replyQueues: [elsewhere] });
      expect(parseReply((await trial.claimSoon({ queues: [elsewhere] })).input)).toMatchObject({ id: told });
      expect(await repliesNow(trial)).toEqual([]);
    },
    twin: engineThat("tells where the repeated call told, whatever it is told", (engine) => ({
      repeat: (id, reader, { replyQueues: _replyQueues, ...given }) => engine.repeat(id, reader, given),
    })),
  },
});
