import type { CallId } from "@raincheck/protocol";
import { expect } from "vitest";
import type { Repeat, RepeatKind, Repetition } from "../repetition.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { type Trial, newCallId } from "./trial.ts";

const retry: RepeatKind = { type: "retry" };
const replay: RepeatKind = { type: "replay", key: null };
const failure = { code: "E", message: "no more seats" };

function repeatOf(trial: Trial, by: RepeatKind, given: Partial<Repeat> = {}): Repeat {
  const { id, queue, retentionMs } = trial.newCall();
  return { id, by, queue, priority: 0, concurrency: null, startByMs: null, deadlineMs: null, retentionMs, ...given };
}

function repeat(trial: Trial, id: CallId, by: RepeatKind, given: Partial<Repeat> = {}): Promise<Repetition | null> {
  return trial.engine.repeat(id, trial.owner, repeatOf(trial, by, given));
}

/** A call that failed for good, at its second attempt. */
async function deadLetter(trial: Trial): Promise<CallId> {
  const first = await trial.running();
  await trial.engine.settle(first, { type: "retrying", reason: "failed", failure, delayMs: 0 });
  const second = await trial.claimSoon();
  await trial.engine.settle(second, { type: "failed", failure });
  return second.id;
}

/** A call that expired in a queue that nobody claims from. */
async function expiredCall(trial: Trial): Promise<CallId> {
  const id = await trial.accept({ startByMs: 1, queue: `${trial.queue}-nobody` });
  await trial.until(id, "expired");
  return id;
}

function repeating(fault: string, change: (repeat: Repeat) => Partial<Repeat>) {
  return engineThat(fault, (engine) => ({ repeat: (id, reader, given) => engine.repeat(id, reader, { ...given, ...change(given) }) }));
}

/** Calls that are made of others which have ended. */
export const repeatTheme = defineTheme("repeat", {
  "a retry is a new call with the input and the context of the failed one, which stays as it ended": {
    async run(trial) {
      const id = await deadLetter(trial);
      const before = await trial.read(id);
      const given = repeatOf(trial, retry);
      expect(await trial.engine.repeat(id, trial.owner, given)).toEqual({
        repeated: true,
        id: given.id,
        path: "flights.report",
        state: "queued",
        created: true,
      });
      expect(await trial.read(given.id)).toMatchObject({
        state: "queued",
        attempt: 0,
        repeats: id,
        parent: null,
        principal: trial.owner.principal,
      });
      const again = await trial.claimSoon();
      expect(again).toMatchObject({ id: given.id, attempt: 1, failures: 0, input: `{"airport":"OAK"}`, context: `{"userId":7}` });
      await trial.engine.settle(again, { type: "succeeded", output: "1" });
      expect(await trial.history(given.id)).toEqual(["queued", "started", "succeeded"]);
      expect(await trial.read(id)).toEqual(before);
      expect(before).toMatchObject({ state: "failed", repeats: null });
    },
    twin: engineThat("begins a call that has ended again", (engine) => ({
      repeat: async (id, reader, given) => {
        const made = await engine.repeat(id, reader, given);
        return made?.repeated === true ? { ...made, id } : made;
      },
    })),
  },

  "of many retries of one call, at once and later, one makes a call and all find it": {
    async run(trial) {
      const id = await deadLetter(trial);
      const answers = await Promise.all(Array.from({ length: 10 }, () => repeat(trial, id, retry)));
      answers.push(await repeat(trial, id, retry));
      expect(new Set(answers.map((answer) => (answer?.repeated === true ? answer.id : null))).size).toBe(1);
      expect(answers.filter((answer) => answer?.repeated === true && answer.created)).toHaveLength(1);
      const call = await trial.claimSoon();
      await trial.engine.settle(call, { type: "failed", failure });
      expect(await repeat(trial, id, retry)).toMatchObject({ id: call.id, state: "failed", created: false });
      expect(await repeat(trial, call.id, retry)).toMatchObject({ repeated: true, created: true });
    },
    twin: repeating("retries a call as often as it is asked", () => ({ by: replay })),
  },

  "a repetition that is asked for once more, by its id, is answered as it was": {
    async run(trial) {
      const id = await deadLetter(trial);
      for (const given of [repeatOf(trial, retry), repeatOf(trial, replay)]) {
        const first = await trial.engine.repeat(id, trial.owner, given);
        expect(await trial.engine.repeat(id, trial.owner, given)).toEqual(first);
        expect(first).toMatchObject({ created: true });
      }
      expect(await trial.claim({ limit: 10 })).toHaveLength(2);
    },
    twin: repeating("gives each repetition an id of its own", () => ({ id: newCallId() })),
  },

  "every replay is a new call, but for those with one key": {
    async run(trial) {
      const id = await deadLetter(trial);
      const keyed: RepeatKind = { type: "replay", key: "k" };
      const ids = [];
      for (const by of [replay, replay, keyed, keyed, retry]) {
        const answer = await repeat(trial, id, by);
        ids.push(answer?.repeated === true ? answer.id : null);
      }
      expect(ids[3]).toBe(ids[2]);
      expect(new Set(ids).size).toBe(4);
      const other = await expiredCall(trial);
      expect(await repeat(trial, other, keyed)).toMatchObject({ created: true });
    },
    twin: repeating("knows no keys of replays", ({ by }) => ({ by: by.type === "replay" ? replay : by })),
  },

  "what can be repeated depends on how the call ended": {
    async run(trial) {
      const queued = await trial.accept({ delayMs: 3_600_000 });
      for (const by of [retry, replay]) expect(await repeat(trial, queued, by)).toEqual({ repeated: false, state: "queued" });
      const expired = await expiredCall(trial);
      const attempt = await trial.running();
      for (const by of [retry, replay]) expect(await repeat(trial, attempt.id, by)).toEqual({ repeated: false, state: "running" });
      await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      expect(await repeat(trial, attempt.id, retry)).toEqual({ repeated: false, state: "succeeded" });
      await trial.engine.cancel(queued, trial.owner, null);
      expect(await repeat(trial, queued, retry)).toEqual({ repeated: false, state: "cancelled" });
      for (const id of [expired, attempt.id, queued]) expect(await repeat(trial, id, replay)).toMatchObject({ created: true });
      expect(await repeat(trial, expired, retry)).toMatchObject({ created: true });
    },
    twin: repeating("retries what did not fail", () => ({ by: replay })),
  },

  "only who sees a call repeats it": {
    async run(trial) {
      const id = await deadLetter(trial);
      for (const reader of [{ principal: null }, { principal: "" }, { principal: `${trial.owner.principal}x` }]) {
        for (const by of [retry, replay]) expect(await trial.engine.repeat(id, reader, repeatOf(trial, by))).toBeNull();
      }
      expect(await repeat(trial, newCallId(), retry)).toBeNull();
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: engineThat("repeats for whoever asks", (engine) => {
      const owners = new Map<CallId, string | null>();
      return {
        accept: (call, options) => {
          owners.set(call.id, call.principal);
          return engine.accept(call, options);
        },
        repeat: (id, reader, given) => engine.repeat(id, { principal: owners.get(id) ?? reader.principal }, given),
      };
    }),
  },

  "who repeats an anonymous call is not told which one it was": {
    async run(trial) {
      const id = await trial.accept({ principal: null });
      await trial.engine.cancel(id, trial.owner, null);
      const given = repeatOf(trial, replay);
      expect(await trial.engine.repeat(id, trial.owner, given)).toMatchObject({ created: true });
      expect(await trial.engine.read(given.id, trial.owner)).toMatchObject({ principal: null, repeats: null });
    },
    twin: engineThat("tells everybody", (engine) => {
      const sources = new Map<CallId, CallId>();
      return {
        repeat: (id, reader, given) => {
          sources.set(given.id, id);
          return engine.repeat(id, reader, given);
        },
        read: async (id, reader) => {
          const record = await engine.read(id, reader);
          return record === null ? null : { ...record, repeats: sources.get(id) ?? null };
        },
      };
    }),
  },

  "a repetition of a call that has yielded yields its own, from the first": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.append(first, { after: 0, values: ["a", "b"] });
      await trial.engine.settle(first, { type: "failed", failure });
      const before = await trial.events(first.id);
      const answer = await repeat(trial, first.id, retry);
      const again = await trial.claimSoon();
      expect(answer).toMatchObject({ id: again.id, created: true });
      expect(await trial.engine.append(again, { after: 0, values: ["a"] })).toBe("settled");
      expect(await trial.engine.append(first, { after: 2, values: ["c"] })).toBe("stale");
      await trial.engine.settle(again, { type: "succeeded", output: "1" });
      expect(await trial.history(again.id)).toEqual(["queued", "started", "yielded", "succeeded"]);
      expect((await trial.events(again.id))[2]).toMatchObject({ type: "yielded", attempt: 1, value: "a" });
      expect(await trial.events(first.id)).toEqual(before);
    },
    twin: engineThat("takes what a repetition yields for written", (engine) => {
      const repeated = new Set<CallId>();
      return {
        repeat: (id, reader, given) => {
          repeated.add(given.id);
          return engine.repeat(id, reader, given);
        },
        append: (attempt, yields) => (repeated.has(attempt.id) ? Promise.resolve("settled") : engine.append(attempt, yields)),
      };
    }),
  },

  "a repetition has the limits that it is given, and not those of the call": {
    async run(trial) {
      const id = await trial.accept({ deadlineMs: 1, retentionMs: 3_600_000 });
      await trial.until(id, "expired");
      const given = repeatOf(trial, retry, { deadlineMs: 600_000, priority: 5 });
      await trial.accept();
      await trial.engine.repeat(id, trial.owner, given);
      const call = await trial.claimSoon();
      expect(call.id).toBe(given.id);
      expect(call.deadlineInMs ?? 0).toBeGreaterThan(500_000);
      const late = repeatOf(trial, replay, { startByMs: 1, queue: `${trial.queue}-nobody` });
      await trial.engine.repeat(id, trial.owner, late);
      await trial.until(late.id, "expired");
    },
    twin: repeating("gives a repetition no limits", () => ({ deadlineMs: null, startByMs: null })),
  },
});
