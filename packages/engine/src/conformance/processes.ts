import { expect } from "vitest";
import type { ClaimedCall } from "../claim-request.ts";
import type { Engine } from "../engine.ts";
import { parseReply, replyPlace } from "../reply.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, newCallId } from "./trial.ts";

/** Several engines on one ledger. */
export const processesTheme = defineTheme("processes", {
  "what one engine does wakes the subscribers of another": {
    async run(trial) {
      const here = trial.engine;
      const there = await trial.open();
      const id = newCallId();
      using wakes = trial.listen((wake) => there.subscribe(id, wake));
      async function wakesAt(what: string, act: () => Promise<unknown>): Promise<void> {
        const seen = wakes.count;
        await act();
        await wakes.beyond(seen, what);
      }
      await wakesAt("acceptance", () => here.accept(trial.newCall({ id })));
      await wakesAt("start", () => trial.claimSoon());
      await wakesAt("progress", () => here.report({ id, attempt: 1 }, "1"));
      await wakesAt("success", () => here.settle({ id, attempt: 1 }, { type: "succeeded", output: "2" }));
      expect(await trial.read(id, there)).toEqual(await trial.read(id, here));
      expect(await trial.events(id, there)).toEqual(await trial.events(id, here));
    },
    twin: engineThat("loses the wakes of calls", () => ({ subscribe: () => () => {} })),
  },

  "what one engine accepts or gives back is claimed by another that waits": {
    async run(trial) {
      const there = await trial.open();
      const waiting = trial.claimSoon({}, there);
      const id = await trial.accept();
      const first = await waiting;
      expect(first.id).toBe(id);
      const waitingAgain = trial.claimSoon();
      await there.settle(first, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      expect(await waitingAgain).toMatchObject({ id, attempt: 2 });
    },
    twin: engineThat("loses the wakes of queues", () => ({ onRunnable: () => () => {} })),
  },

  "a call that one engine ends is told of to another that waits for replies": {
    async run(trial) {
      const there = await trial.open();
      const { queue } = replyPlace(trial.queue);
      const waiting = trial.claimSoon({ queues: [queue] }, there);
      const attempt = await trial.running({ replyQueues: [replyPlace(trial.queue).queue] });
      await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      expect(parseReply((await waiting).input)).toMatchObject({ id: attempt.id, state: "succeeded" });
    },
    twin: engineThat("loses the wakes of queues", () => ({ onRunnable: () => () => {} })),
  },

  "claims of two engines at once never hand one call to both": {
    async run(trial) {
      const engines = [trial.engine, await trial.open()];
      const ids = await Promise.all(Array.from({ length: 100 }, () => trial.accept()));
      const claimed: ClaimedCall[] = [];
      while (claimed.length < ids.length) {
        const batches = await Promise.all(Array.from({ length: 12 }, (_, index) => trial.claim({ limit: 7 }, engines[index % 2])));
        expect(batches.flat(), "some worker gets something while there is something").not.toHaveLength(0);
        claimed.push(...batches.flat());
      }
      expect(claimed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    },
    twin: engineThat("hands a call to two that ask at the same time", (engine) => {
      let last: readonly ClaimedCall[] = [];
      return {
        claim: async (request) => {
          const calls = await engine.claim(request);
          if (calls.length === 0) return last;
          last = calls;
          return calls;
        },
      };
    }),
  },

  "acceptances of one key by two engines at once make one call": {
    async run(trial) {
      const engines = [trial.engine, await trial.open()];
      const calls = Array.from({ length: 50 }, () => trial.newCall({ idempotencyKey: "two engines" }));
      const answers = await Promise.all(calls.map((call, index) => (engines[index % 2] ?? trial.engine).accept(call)));
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    },
    twin: engineThat("remembers keys in its process", (engine) => {
      const keys = new Map<string | null, string>();
      return {
        accept: async (call, options) => {
          const id = keys.get(call.idempotencyKey);
          if (id !== undefined) return { id, state: "queued", created: false };
          keys.set(call.idempotencyKey, call.id);
          return engine.accept({ ...call, idempotencyKey: null }, options);
        },
      };
    }),
  },

  "a cancel by one engine is told to the attempt at another": {
    async run(trial) {
      const there = await trial.open();
      const attempt = await trial.running();
      using wakes = trial.listen((wake) => trial.engine.subscribe(attempt.id, wake));
      expect(await there.cancel(attempt.id, trial.owner, null)).toEqual({ cancelled: true, state: "cancelled" });
      await wakes.beyond(0, "cancel");
      expect(await trial.engine.extend([attempt], longLeaseMs)).toEqual([{ id: attempt.id, attempt: 1, reason: "cancelled" }]);
    },
    twin: engineThat("keeps an attempt whatever becomes of its call", () => ({ extend: async () => [] })),
  },

  "what one process has set aside another finds, and runs": {
    async run(trial) {
      const other = await trial.open();
      const id = await trial.accept({ path: "flights.new" });
      expect(await trial.claim({ withheld: [{ path: "flights.new", places: 0, giveUpAfterMs: 600_000 }] })).toEqual([]);
      expect(await trial.claimSoon({}, other)).toMatchObject({ id, attempt: 1 });
    },
    twin: engineThat("hands out what is withheld", (engine) => ({
      claim: (request) => engine.claim({ ...request, withheld: [] }),
    })),
  },

  "the calls of an engine that stopped are found by another, and the stopped one's attempts are stale": {
    async run(trial) {
      const stopping = await trial.open();
      const id = await trial.accept();
      const first = await trial.claimSoon({ leaseMs: 300 }, stopping);
      await stopping.stop();
      expect(await trial.claimSoon()).toMatchObject({ id, attempt: 2, failures: 0 });
      expect(await trial.engine.settle(first, { type: "succeeded", output: "1" })).toBe("stale");
      expect(await trial.history(id)).toEqual(["queued", "started", "retrying", "started"]);
    },
    twin: engineThat("never ends a lease", (engine: Engine) => ({
      claim: (request) => engine.claim({ ...request, leaseMs: longLeaseMs }),
    })),
  },
});
