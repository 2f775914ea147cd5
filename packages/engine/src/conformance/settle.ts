import { expect } from "vitest";
import type { Settlement } from "../attempt.ts";
import { defineTheme, engineThat } from "./theme.ts";

const failure = { code: "NO_SEATS", message: "The flight is full.", data: { flight: "OO 2421", seats: [1, null, { left: 0 }] } };
const succeeded: Settlement = { type: "succeeded", output: `{"rows":20000}` };
const failed: Settlement = { type: "failed", failure };
const retried: Settlement = { type: "retrying", reason: "failed", failure, delayMs: 0 };
const handedBack: Settlement = { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 };

const isNotFenced = engineThat("settles whatever attempt it is told", (engine) => ({
  settle: async (attempt, settlement) => {
    for (let number = 0; number < 9; number += 1) await engine.settle({ id: attempt.id, attempt: number }, settlement);
    return "settled";
  },
}));

/** An attempt ends. */
export const settleTheme = defineTheme("settle", {
  "a success ends the call with its output": {
    async run(trial) {
      const attempt = await trial.running();
      expect(await trial.engine.settle(attempt, succeeded)).toBe("settled");
      expect(await trial.read(attempt.id)).toMatchObject({
        state: "succeeded",
        output: `{"rows":20000}`,
        failure: null,
        cancelReason: null,
      });
      expect((await trial.events(attempt.id)).at(-1)).toMatchObject({ seq: 3, type: "succeeded", attempt: 1, output: `{"rows":20000}` });
    },
    twin: engineThat("stores outputs as numbers", (engine) => ({
      settle: (attempt, settlement) =>
        engine.settle(attempt, settlement.type === "succeeded" ? { ...settlement, output: "NaN" } : settlement),
    })),
  },

  "a failure ends the call with its code, message and data": {
    async run(trial) {
      const attempt = await trial.running();
      expect(await trial.engine.settle(attempt, { type: "failed", failure: { ...failure, errorId: "e-1" } })).toBe("settled");
      const record = await trial.read(attempt.id);
      expect(record).toMatchObject({ state: "failed", output: null });
      expect(record.failure).toEqual({ ...failure, errorId: "e-1" });
    },
    twin: engineThat("loses the data of failures", (engine) => ({
      settle: (attempt, settlement) =>
        engine.settle(
          attempt,
          settlement.type === "failed" ? { type: "failed", failure: { code: failure.code, message: failure.message } } : settlement,
        ),
    })),
  },

  "a failure without data has none": {
    async run(trial) {
      const attempt = await trial.running();
      await trial.engine.settle(attempt, { type: "failed", failure: { code: "E", message: "m" } });
      expect((await trial.read(attempt.id)).failure).toStrictEqual({ code: "E", message: "m" });
    },
    twin: engineThat("fills in what was left out", (engine) => ({
      settle: (attempt, settlement) =>
        engine.settle(
          attempt,
          settlement.type === "failed" ? { type: "failed", failure: { ...settlement.failure, data: null } } : settlement,
        ),
    })),
  },

  "a retry puts the call back and waits for its delay": {
    async run(trial) {
      const first = await trial.running();
      const beganMs = performance.now();
      expect(await trial.engine.settle(first, { type: "retrying", reason: "failed", failure, delayMs: 300 })).toBe("settled");
      const second = await trial.claimSoon();
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(300);
      expect(second).toMatchObject({ id: first.id, attempt: 2, failures: 1 });
      const retrying = (await trial.events(first.id))[2];
      expect(retrying).toMatchObject({ seq: 3, type: "retrying", attempt: 1, reason: "failed", delayMs: 300 });
      expect(retrying).toHaveProperty("failure", failure);
    },
    twin: engineThat("retries at once", (engine) => ({
      settle: (attempt, settlement) => engine.settle(attempt, settlement.type === "retrying" ? { ...settlement, delayMs: 0 } : settlement),
    })),
  },

  "failures and time-outs are counted, hand-backs are not": {
    async run(trial) {
      const id = await trial.accept();
      const reasons = ["failed", "handed-back", "timed-out", "handed-back", "failed"] as const;
      const expected = [0, 1, 1, 2, 2, 3];
      for (const [index, reason] of reasons.entries()) {
        const attempt = await trial.claimSoon();
        expect(attempt).toMatchObject({ id, attempt: index + 1, failures: expected[index] });
        await trial.engine.settle(attempt, { ...(reason === "handed-back" ? handedBack : retried), reason });
      }
      expect(await trial.claimSoon()).toMatchObject({ attempt: reasons.length + 1, failures: 3 });
    },
    twin: engineThat("counts hand-backs as failures", (engine) => ({
      claim: async (request) => (await engine.claim(request)).map((call) => ({ ...call, failures: call.attempt - 1 })),
    })),
  },

  "the same settlement repeated is answered as it was, and written once": {
    async run(trial) {
      for (const settlement of [succeeded, failed, retried, handedBack]) {
        const attempt = await trial.running();
        expect(await trial.engine.settle(attempt, settlement)).toBe("settled");
        const history = await trial.history(attempt.id);
        expect(await trial.engine.settle(attempt, settlement)).toBe("settled");
        expect(await trial.history(attempt.id)).toEqual(history);
        await trial.engine.cancel(attempt.id, trial.owner, null);
      }
    },
    twin: engineThat("remembers no settlement", (engine) => {
      const settled = new Set<string>();
      return {
        settle: async (attempt, settlement) => {
          if (settled.has(attempt.id)) return "stale";
          settled.add(attempt.id);
          return engine.settle(attempt, settlement);
        },
      };
    }),
  },

  "a retry repeated after the next attempt began is answered as it was, and leaves that alone": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.settle(first, retried);
      const second = await trial.claimSoon();
      expect(await trial.engine.settle(first, retried)).toBe("settled");
      expect(await trial.read(first.id)).toMatchObject({ state: "running", attempt: 2, seq: 4 });
      expect(await trial.engine.settle(second, succeeded)).toBe("settled");
    },
    twin: isNotFenced,
  },

  "another settlement of an attempt that has settled is stale": {
    async run(trial) {
      const others: readonly Settlement[] = [
        { type: "succeeded", output: "null" },
        failed,
        { type: "failed", failure: { ...failure, code: "OTHER" } },
        retried,
        { ...retried, delayMs: 1 },
        handedBack,
      ];
      for (const settlement of [succeeded, failed, retried]) {
        const attempt = await trial.running();
        await trial.engine.settle(attempt, settlement);
        const record = await trial.read(attempt.id);
        for (const other of others.filter((one) => one !== settlement)) {
          expect(await trial.engine.settle(attempt, other), `${other.type} after ${settlement.type}`).toBe("stale");
        }
        expect(await trial.read(attempt.id)).toEqual(record);
        await trial.engine.cancel(attempt.id, trial.owner, null);
      }
    },
    twin: engineThat("takes any settlement of a settled attempt for a repetition", (engine) => ({
      settle: async (attempt, settlement) => {
        await engine.settle(attempt, settlement);
        return "settled";
      },
    })),
  },

  "an attempt of an unknown call, or that never began, is stale": {
    async run(trial) {
      const attempt = await trial.running();
      const queued = { id: await trial.accept(), attempt: 0 };
      for (const never of [{ ...attempt, attempt: 0 }, { ...attempt, attempt: 2 }, queued, { ...queued, attempt: 1 }]) {
        expect(await trial.engine.settle(never, succeeded)).toBe("stale");
        expect(await trial.engine.report(never, "1")).toBe("stale");
      }
      expect(await trial.engine.settle({ id: "00000000-0000-4000-8000-000000000000", attempt: 1 }, succeeded)).toBe("stale");
      expect(await trial.read(attempt.id)).toMatchObject({ state: "running", seq: 2 });
      expect(await trial.read(queued.id)).toMatchObject({ state: "queued", seq: 1 });
    },
    twin: isNotFenced,
  },

  "of settlements of one attempt at once, one is written": {
    async run(trial) {
      const attempt = await trial.running();
      const outputs = Array.from({ length: 20 }, (_, index) => String(index));
      const results = await Promise.all(outputs.map((output) => trial.engine.settle(attempt, { type: "succeeded", output })));
      expect(results.filter((result) => result === "settled")).toHaveLength(1);
      expect((await trial.read(attempt.id)).output).toBe(outputs[results.indexOf("settled")]);
    },
    twin: engineThat("tells every one that it has settled", (engine) => ({
      settle: async (attempt, settlement) => {
        await engine.settle(attempt, settlement);
        return "settled";
      },
    })),
  },

  "many attempts settled at once each get their own answer": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 60 }, () => trial.accept()));
      const attempts = [];
      while (attempts.length < ids.length) attempts.push(await trial.claimSoon());
      const results = await Promise.all(
        attempts.map((attempt, index) =>
          trial.engine.settle(index % 3 === 0 ? { ...attempt, attempt: 2 } : attempt, { type: "succeeded", output: attempt.id }),
        ),
      );
      expect(results).toEqual(attempts.map((_, index) => (index % 3 === 0 ? "stale" : "settled")));
      for (const [index, { id }] of attempts.entries()) {
        expect(await trial.read(id)).toMatchObject(index % 3 === 0 ? { state: "running" } : { state: "succeeded", output: id });
      }
    },
    twin: engineThat("answers a batch as its first item", (engine) => {
      let first: ReturnType<typeof engine.settle> | null = null;
      return {
        settle: async (attempt, settlement) => {
          const result = engine.settle(attempt, settlement);
          first ??= result;
          await result;
          return first;
        },
      };
    }),
  },

  "a call that has ended stays as it ended": {
    async run(trial) {
      const attempt = await trial.running();
      await trial.engine.settle(attempt, succeeded);
      const record = await trial.read(attempt.id);
      expect(await trial.engine.report(attempt, "1")).toBe("stale");
      expect(await trial.holds(attempt)).toBe(false);
      expect(await trial.engine.cancel(attempt.id, trial.owner, "late")).toEqual({ cancelled: false, state: "succeeded" });
      expect(await trial.claim()).toEqual([]);
      expect(await trial.read(attempt.id)).toEqual(record);
    },
    twin: engineThat("lets the last word win", (engine) => ({
      settle: async () => "settled",
      report: async (attempt, progress) => {
        await engine.report(attempt, progress);
        return "stale";
      },
    })),
  },
});
