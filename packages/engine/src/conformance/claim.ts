import { expect } from "vitest";
import type { ClaimedCall } from "../claim-request.ts";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";

/** Calls are handed to workers. */
export const claimTheme = defineTheme("claim", {
  "an empty queue gives nothing": {
    async run(trial) {
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: engineThat("invents a call", () => ({
      claim: async ({ queues }) => [
        {
          id: "00000000-0000-4000-8000-000000000000",
          attempt: 1,
          path: "a",
          queue: queues[0] ?? "default",
          principal: null,
          input: "",
          context: "",
          failures: 0,
          createdAt: "2026-01-01T00:00:00.000Z",
          deadlineInMs: null,
        },
      ],
    })),
  },

  "a claim takes as many as it may, and no more": {
    async run(trial) {
      for (let index = 0; index < 5; index += 1) await trial.accept();
      expect(await trial.claim({ limit: 2 })).toHaveLength(2);
      expect(await trial.claim({ limit: 10 })).toHaveLength(3);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: engineThat("takes one more than it may", (engine) => ({
      claim: (request) => engine.claim({ ...request, limit: request.limit + 1 }),
    })),
  },

  "of capped queues a claim takes only so many, together, and of the others as many as it may": {
    async run(trial) {
      const [first, second, free] = [`${trial.queue}-1`, `${trial.queue}-2`, `${trial.queue}-3`];
      for (const queue of [first, first, second, free, free]) await trial.accept({ queue });
      const queues = [first, second, free];
      const capped = { queues: [first, second], places: 1 };
      const none = await trial.claim({ queues, limit: 1, capped: { ...capped, places: 0 } });
      expect(none.map(({ queue }) => queue)).toEqual([free]);
      const some = await trial.claim({ queues, limit: 10, capped });
      expect(some.map(({ queue }) => queue === free)).toEqual(expect.arrayContaining([true, false]));
      expect(some).toHaveLength(2);
      expect(await trial.claim({ queues, limit: 10, capped: { ...capped, places: -1 } })).toEqual([]);
      expect(await trial.claim({ queues, limit: 10, capped: { ...capped, places: 5 } })).toHaveLength(2);
    },
    twin: engineThat("knows no caps", (engine) => ({ claim: ({ capped: _capped, ...request }) => engine.claim(request) })),
  },

  "a claimed call runs, and is told so": {
    async run(trial) {
      const { id } = await trial.running();
      const record = await trial.read(id);
      expect(record).toMatchObject({ state: "running", attempt: 1, seq: 2, endedAt: null });
      expect(record.startedAt).not.toBeNull();
      expect(await trial.events(id)).toMatchObject([{ type: "queued" }, { seq: 2, type: "started", attempt: 1, at: record.startedAt }]);
    },
    twin: engineThat("hides that a call has started", (engine) => ({
      read: async (id, reader) => {
        const record = await engine.read(id, reader);
        return record === null ? null : { ...record, startedAt: null };
      },
    })),
  },

  "a higher priority goes first, and among equals the older": {
    async run(trial) {
      // One after the other: the age of calls that are accepted at once is anybody's.
      const inputs = [];
      for (const priority of [0, -1000, 5, 0, 1000, 5, 0]) {
        const id = await trial.accept({ priority });
        inputs.push({ id, priority });
      }
      const expected = inputs.toSorted((one, other) => other.priority - one.priority).map(({ id }) => id);
      const [first] = await trial.claim();
      const rest = await trial.claim({ limit: 10 });
      expect([first, ...rest].map((call) => call?.id)).toEqual(expected);
    },
    twin: acceptingThat("knows no priority", () => ({ priority: 0 })),
  },

  "a claim takes from its own queues only": {
    async run(trial) {
      const other = `${trial.queue}.other`;
      const third = `${trial.queue}.third`;
      const mine = await trial.accept();
      const others = await trial.accept({ queue: other });
      expect(await trial.claim({ queues: [third], limit: 10 })).toEqual([]);
      const both = await trial.claim({ queues: [third, trial.queue, other], limit: 10 });
      expect(new Set(both.map((call) => `${call.id} of ${call.queue}`))).toEqual(
        new Set([`${mine} of ${trial.queue}`, `${others} of ${other}`]),
      );
    },
    twin: acceptingThat("has one queue for all", ({ queue }) => ({ queue: `${queue.split(".")[0]}.third` })),
  },

  "claims at once never hand one call to two": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 100 }, () => trial.accept()));
      const claimed: ClaimedCall[] = [];
      while (claimed.length < ids.length) {
        const batches = await Promise.all(Array.from({ length: 20 }, (_, index) => trial.claim({ worker: `worker ${index}`, limit: 10 })));
        expect(batches.flat(), "some worker gets something while there is something").not.toHaveLength(0);
        claimed.push(...batches.flat());
      }
      expect(claimed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      expect(claimed.every(({ attempt }) => attempt === 1)).toBe(true);
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

  "a delayed call is not handed out before its delay has passed": {
    async run(trial) {
      const delayMs = 300;
      const beganMs = performance.now();
      const { id } = await trial.running({ delayMs });
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(delayMs);
      expect(await trial.history(id)).toEqual(["queued", "started"]);
    },
    twin: acceptingThat("knows no delay", () => ({ delayMs: 0 })),
  },

  "a delayed call does not hold up the others": {
    async run(trial) {
      await trial.accept({ priority: 1000, delayMs: 3_600_000 });
      const second = await trial.accept();
      expect((await trial.claim({ limit: 10 })).map(({ id }) => id)).toEqual([second]);
    },
    twin: engineThat("looks at the first call of the queue only", (engine) => {
      let isHeldUp = false;
      return {
        accept: (call, options) => {
          isHeldUp ||= call.delayMs > 0;
          return engine.accept(call, options);
        },
        claim: async (request) => (isHeldUp ? [] : engine.claim(request)),
      };
    }),
  },

  "a claim says what is left until the deadline": {
    async run(trial) {
      const deadlineMs = 3_600_000;
      const beganMs = performance.now();
      const { deadlineInMs } = await trial.running({ deadlineMs });
      const tookMs = performance.now() - beganMs;
      expect(deadlineInMs).toBeLessThanOrEqual(deadlineMs);
      expect(deadlineInMs).toBeGreaterThanOrEqual(Math.floor(deadlineMs - tookMs) - 1);
    },
    twin: engineThat("counts the deadline in seconds", (engine) => ({
      claim: async (request) => (await engine.claim(request)).map((call) => ({ ...call, deadlineInMs: (call.deadlineInMs ?? 0) / 1_000 })),
    })),
  },

  "attempts count claims": {
    async run(trial) {
      const id = await trial.accept();
      for (const attempt of [1, 2, 3]) {
        const call = await trial.claimSoon();
        expect(call).toMatchObject({ id, attempt, failures: 0 });
        await trial.engine.settle(call, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      }
      expect(await trial.read(id)).toMatchObject({ state: "queued", attempt: 3 });
    },
    twin: engineThat("begins to count again after a hand-back", (engine) => ({
      claim: async (request) => (await engine.claim(request)).map((call) => ({ ...call, attempt: call.failures + 1 })),
      settle: async (attempt, settlement) => {
        const record = await engine.read(attempt.id, { principal: null });
        return engine.settle({ ...attempt, attempt: record?.attempt ?? attempt.attempt }, settlement);
      },
    })),
  },
});
