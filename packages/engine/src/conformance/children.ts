import type { CallId } from "@raincheck/protocol";
import { expect } from "vitest";
import { StaleAttempt } from "../engine-errors.ts";
import type { AttemptRef } from "../attempt.ts";
import { parentCancelled } from "../cancellation.ts";
import type { Engine } from "../engine.ts";
import type { NewCall } from "../new-call.ts";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, newCallId, outcomeOf, type Trial } from "./trial.ts";

const staleAttempt = { error: { _tag: "StaleAttempt", code: "STALE_ATTEMPT" } };
const forgetsParents = acceptingThat("does not know who starts a call", () => ({ startedBy: null }));
const cancelled = { state: "cancelled", cancelReason: parentCancelled };

/** Accepts a call that an attempt starts. */
function start(trial: Trial, { id, attempt }: AttemptRef, given: Partial<NewCall> = {}): Promise<CallId> {
  return trial.accept({ startedBy: { id, attempt }, ...given });
}

/** As {@link start}, and claims it. */
function startRunning(trial: Trial, { id, attempt }: AttemptRef, given: Partial<NewCall> = {}) {
  return trial.running({ startedBy: { id, attempt }, ...given });
}

const cancelsOnlyOne = acceptingThat("cancels one call and no other", () => ({ detached: true }));

/** Ends the children of a call whenever the call ends. */
function endsChildrenWithTheirParent(engine: Engine): Partial<Engine> {
  const calls: NewCall[] = [];
  return {
    accept: (call, options) => {
      calls.push(call);
      return engine.accept(call, options);
    },
    settle: async (attempt, settlement) => {
      const result = await engine.settle(attempt, settlement);
      for (const child of calls) if (child.startedBy?.id === attempt.id) await engine.cancel(child.id, child, parentCancelled);
      return result;
    },
  };
}

/** Calls that calls start. */
export const childrenTheme = defineTheme("children", {
  "a call has the call that started it as its parent, if its reader owns that": {
    async run(trial) {
      const parent = await trial.running();
      const child = await start(trial, parent);
      const detached = await start(trial, parent, { detached: true });
      const anonymous = await start(trial, parent, { principal: null });
      expect((await trial.read(child)).parent).toBe(parent.id);
      expect((await trial.read(detached)).parent).toBeNull();
      expect((await trial.read(parent.id)).parent).toBeNull();
      expect((await trial.read(anonymous)).parent).toBeNull();
      expect((await trial.engine.read(anonymous, trial.owner))?.parent).toBe(parent.id);
      const page = await trial.engine.list(trial.owner, { path: null, state: null, cursor: null, limit: 10 });
      expect(page.calls.map((call) => call.parent)).toEqual([null, parent.id, null]);
    },
    twin: forgetsParents,
  },

  "the id of an anonymous parent is not told, for it would be a right to it": {
    async run(trial) {
      const parent = await trial.running({ principal: null });
      const owned = await start(trial, parent);
      const anonymous = await start(trial, parent, { principal: null });
      for (const id of [owned, anonymous]) expect((await trial.read(id)).parent).toBeNull();
      await trial.engine.cancel(parent.id, trial.owner, null);
      for (const id of [owned, anonymous]) expect(await trial.until(id, "cancelled")).toMatchObject(cancelled);
    },
    twin: engineThat("tells every parent", (engine) => {
      const parents = new Map<CallId, CallId>();
      return {
        accept: (call, options) => {
          if (call.startedBy !== null) parents.set(call.id, call.startedBy.id);
          return engine.accept(call, options);
        },
        read: async (id, reader) => {
          const record = await engine.read(id, reader);
          return record === null ? null : { ...record, parent: parents.get(id) ?? null };
        },
      };
    }),
  },

  "what an attempt starts that does not run its call any more is refused, and nothing is stored": {
    async run(trial) {
      const first = await trial.running();
      async function expectRefused(attempt: AttemptRef): Promise<void> {
        for (const detached of [false, true]) {
          const call = trial.newCall({ startedBy: { id: attempt.id, attempt: attempt.attempt }, detached });
          expect(await outcomeOf(trial.engine.accept(call))).toMatchObject(staleAttempt);
          expect(await trial.engine.read(call.id, trial.owner)).toBeNull();
        }
      }
      await expectRefused({ id: first.id, attempt: 2 });
      await trial.engine.settle(first, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      await expectRefused(first);
      const second = await trial.claimSoon();
      await expectRefused(first);
      await start(trial, second);
      await trial.engine.cancel(first.id, trial.owner, null);
      await expectRefused(second);
      const ended = await trial.running();
      await trial.engine.settle(ended, { type: "succeeded", output: "1" });
      await expectRefused(ended);
      await expectRefused({ id: newCallId(), attempt: 1 });
    },
    twin: forgetsParents,
  },

  "of calls accepted at once, only those of a stale attempt are refused": {
    async run(trial) {
      const holder = await trial.running();
      const stale = { id: holder.id, attempt: 9 };
      const calls = Array.from({ length: 30 }, (_, index) =>
        trial.newCall({ startedBy: [null, { id: holder.id, attempt: holder.attempt }, stale][index % 3] ?? null }),
      );
      const outcomes = await Promise.all(calls.map((call) => outcomeOf(trial.engine.accept(call))));
      for (const [index, call] of calls.entries()) {
        expect(outcomes[index]).toMatchObject(index % 3 === 2 ? staleAttempt : { value: { id: call.id, created: true } });
      }
    },
    twin: engineThat("refuses a batch for one of its calls", (engine) => {
      let refused: AttemptRef | null = null;
      return {
        accept: async (call, options) => {
          if (call.startedBy?.attempt === 9) refused = call.startedBy;
          await Promise.resolve();
          if (refused !== null) throw new StaleAttempt(refused);
          return engine.accept(call, options);
        },
      };
    }),
  },

  "the acceptance of a child repeated after its parent has ended is answered as it was": {
    async run(trial) {
      const parent = await trial.running();
      const call = trial.newCall({ startedBy: { id: parent.id, attempt: parent.attempt } });
      await trial.engine.accept(call);
      await trial.engine.settle(parent, { type: "succeeded", output: "1" });
      expect(await outcomeOf(trial.engine.accept(call))).toMatchObject({ value: { id: call.id, state: "queued" } });
    },
    twin: engineThat("asks for the attempt before it looks for the call", (engine) => ({
      accept: async (call, options) => {
        const record = call.startedBy === null ? null : await engine.read(call.startedBy.id, call);
        if (call.startedBy !== null && record?.state !== "running") throw new StaleAttempt(call.startedBy);
        return engine.accept(call, options);
      },
    })),
  },

  "a child expires at its parent's deadline, and a child of it too": {
    async run(trial) {
      const parent = await trial.running({ deadlineMs: 1_500 });
      const child = await startRunning(trial, parent);
      expect(child.deadlineInMs ?? Infinity).toBeLessThanOrEqual(parent.deadlineInMs ?? 0);
      const grandchild = await start(trial, child, { deadlineMs: 3_600_000, startByMs: 3_600_000 });
      const detached = await start(trial, parent, { detached: true });
      for (const id of [parent.id, child.id, grandchild]) {
        expect(await trial.until(id, "expired")).toMatchObject({ failure: { code: "DEADLINE_PASSED" } });
      }
      expect(await trial.claimSoon()).toMatchObject({ id: detached, deadlineInMs: null });
    },
    twin: forgetsParents,
  },

  "a child's own shorter deadline stays": {
    async run(trial) {
      const parent = await trial.running({ deadlineMs: 3_600_000 });
      const child = await start(trial, parent, { deadlineMs: 300 });
      await trial.until(child, "expired");
      expect((await trial.read(parent.id)).state).toBe("running");
    },
    twin: acceptingThat("gives a child its parent's deadline", ({ startedBy, deadlineMs }) => ({
      deadlineMs: startedBy === null ? deadlineMs : null,
    })),
  },

  "a cancel ends the children too, queued and running alike, and theirs": {
    async run(trial) {
      const parent = await trial.running();
      const running = await startRunning(trial, parent);
      const grandchild = await startRunning(trial, running);
      const waiting = await start(trial, grandchild);
      const delayed = await start(trial, parent, { delayMs: 3_600_000 });
      const other = await trial.accept();
      await trial.engine.cancel(parent.id, trial.owner, "no longer needed");
      for (const id of [running.id, grandchild.id, waiting, delayed]) expect(await trial.until(id, "cancelled")).toMatchObject(cancelled);
      expect((await trial.read(parent.id)).cancelReason).toBe("no longer needed");
      expect(await trial.engine.extend([running, grandchild], longLeaseMs)).toEqual(
        [running, grandchild].map(({ id, attempt }) => ({ id, attempt, reason: "cancelled" })),
      );
      expect(await trial.history(running.id)).toEqual(["queued", "started", "cancelled"]);
      expect((await trial.claimSoon({ limit: 10 })).id).toBe(other);
    },
    twin: cancelsOnlyOne,
  },

  "a cancel of a call that waits for its next attempt ends what the earlier ones started": {
    async run(trial) {
      const parent = await trial.running();
      const child = await start(trial, parent, { delayMs: 3_600_000 });
      await trial.engine.settle(parent, { type: "retrying", reason: "failed", failure: null, delayMs: 3_600_000 });
      expect((await trial.read(child)).state).toBe("queued");
      await trial.engine.cancel(parent.id, trial.owner, null);
      expect(await trial.until(child, "cancelled")).toMatchObject(cancelled);
    },
    twin: cancelsOnlyOne,
  },

  "a detached call goes on when the call that started it is cancelled": {
    async run(trial) {
      const parent = await trial.running();
      const detached = await start(trial, parent, { detached: true });
      const child = await start(trial, parent);
      await trial.engine.cancel(parent.id, trial.owner, null);
      await trial.until(child, "cancelled");
      expect((await trial.claimSoon()).id).toBe(detached);
    },
    twin: acceptingThat("detaches nobody", () => ({ detached: false })),
  },

  "a call that ends otherwise leaves its children be": {
    async run(trial) {
      const failure = { code: "E", message: "m" };
      for (const settlement of [
        { type: "succeeded", output: "1" },
        { type: "failed", failure },
        { type: "retrying", reason: "failed", failure, delayMs: 3_600_000 },
      ] as const) {
        const parent = await trial.running();
        const child = await start(trial, parent);
        await trial.engine.settle(parent, settlement);
        expect((await trial.claimSoon()).id).toBe(child);
      }
    },
    twin: engineThat("ends children with their parent", endsChildrenWithTheirParent),
  },

  "a child that has ended stays as it ended, and so do those that it started": {
    async run(trial) {
      const parent = await trial.running();
      const child = await startRunning(trial, parent);
      const grandchild = await start(trial, child);
      await trial.engine.settle(child, { type: "succeeded", output: "1" });
      const open = await start(trial, parent, { delayMs: 3_600_000 });
      await trial.engine.cancel(parent.id, trial.owner, null);
      await trial.until(open, "cancelled");
      expect(await trial.read(child.id)).toMatchObject({ state: "succeeded", output: "1" });
      expect((await trial.claimSoon()).id).toBe(grandchild);
    },
    twin: engineThat("ends children with their parent", endsChildrenWithTheirParent),
  },

  "more children than one statement takes are all cancelled": {
    async run(trial) {
      const parent = await trial.running();
      const starting = Array.from({ length: 520 }, () => start(trial, parent));
      const children = await Promise.all(starting);
      await trial.claim({ limit: 100 });
      await trial.engine.cancel(parent.id, trial.owner, null);
      await Promise.all(children.map((id) => trial.until(id, "cancelled")));
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: cancelsOnlyOne,
  },

  "of cancels and children accepted at once, no child begins after it": {
    async run(trial) {
      const parents: AttemptRef[] = [];
      for (let index = 0; index < 20; index += 1) parents.push(await trial.running());
      const outcomes = await Promise.all(
        parents.map(async (parent, index) => {
          const cancel = (): Promise<unknown> => trial.engine.cancel(parent.id, trial.owner, null);
          const accept = (): Promise<unknown> => outcomeOf(start(trial, parent));
          const answers = await Promise.all(index % 2 === 0 ? [accept(), cancel()] : [cancel(), accept()]);
          return answers[index % 2] as { value: CallId } | { error: unknown };
        }),
      );
      expect(await trial.claim({ limit: 100 })).toEqual([]);
      for (const outcome of outcomes) {
        if ("error" in outcome) expect(outcome).toMatchObject(staleAttempt);
        else await trial.until(outcome.value, "cancelled");
      }
    },
    twin: forgetsParents,
  },

  "a child whose transaction commits after its parent was cancelled never begins, and is cancelled": {
    async run(trial) {
      const parent = await trial.running();
      const child = trial.newCall({ startedBy: { id: parent.id, attempt: parent.attempt } });
      await trial.engine.transaction(async (transaction) => {
        await trial.engine.accept(child, { transaction });
        await trial.engine.cancel(parent.id, trial.owner, null);
      });
      await trial.eventually(async () => {
        expect(await trial.claim()).toEqual([]);
        return (await trial.read(child.id)).state === "cancelled";
      }, "the child to be cancelled");
      expect(await trial.history(child.id)).toEqual(["queued", "cancelled"]);
    },
    twin: forgetsParents,
  },

  "what a commit starts is there, and wakes, when that has committed": {
    async run(trial) {
      const parent = await trial.running();
      const child = trial.newCall({ startedBy: { id: parent.id, attempt: parent.attempt } });
      using wakes = trial.listen((wake) => trial.engine.onRunnable([trial.queue], wake));
      await trial.engine.commit(parent, async (transaction) => {
        await trial.engine.accept(child, { transaction });
        return { value: null, output: "1" };
      });
      await wakes.beyond(0, "commit");
      expect((await trial.claimSoon()).id).toBe(child.id);
      expect((await trial.read(child.id)).parent).toBe(parent.id);
    },
    twin: engineThat("drops what is accepted in a transaction", (engine) => ({
      accept: async (call, options) =>
        options?.transaction === undefined ? engine.accept(call) : { id: call.id, state: "queued", created: true },
    })),
  },

  "what a commit starts that throws was never there": {
    async run(trial) {
      const parent = await trial.running();
      const child = trial.newCall({ startedBy: { id: parent.id, attempt: parent.attempt } });
      const committing = trial.engine.commit(parent, async (transaction) => {
        await trial.engine.accept(child, { transaction });
        throw new Error("too late");
      });
      expect(await outcomeOf(committing)).toMatchObject({ error: { message: "too late" } });
      expect(await trial.engine.read(child.id, trial.owner)).toBeNull();
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("accepts outside of the transaction", (engine) => ({ accept: (call) => engine.accept(call) })),
  },

  "what a commit of a stale attempt starts was never there": {
    async run(trial) {
      const parent = await trial.running();
      const child = trial.newCall({ startedBy: { id: parent.id, attempt: parent.attempt } });
      const committing = trial.engine.commit(parent, async (transaction) => {
        await trial.engine.accept(child, { transaction });
        await trial.engine.settle(parent, { type: "retrying", reason: "handed-back", failure: null, delayMs: 3_600_000 });
        return { value: null, output: "1" };
      });
      expect(await outcomeOf(committing)).toMatchObject(staleAttempt);
      expect(await trial.engine.read(child.id, trial.owner)).toBeNull();
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("accepts outside of the transaction", (engine) => ({ accept: (call) => engine.accept(call) })),
  },
});
