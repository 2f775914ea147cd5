import { expect } from "vitest";
import type { Cancellation } from "../cancellation.ts";
import type { Engine } from "../engine.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, outcomeOf } from "./trial.ts";

const cancelsNothing = engineThat("answers and cancels nothing", () => ({ cancel: async () => ({ cancelled: true, state: "cancelled" }) }));

/** Cancels as one would who asks first and acts later. */
function cancelsWithoutComparing(engine: Engine): Pick<Engine, "cancel"> {
  return {
    cancel: async (id, reader, reason): Promise<Cancellation | null> => {
      const record = await engine.read(id, reader);
      if (record === null) return null;
      const { state } = record;
      if (state !== "queued" && state !== "running") return { cancelled: false, state };
      await engine.cancel(id, reader, reason);
      return { cancelled: true, state: "cancelled" };
    },
  };
}

/** A call is ended from outside. */
export const cancelTheme = defineTheme("cancel", {
  "a queued call ends at once and is never handed out": {
    async run(trial) {
      const id = await trial.accept();
      const delayed = await trial.accept({ delayMs: 1 });
      for (const open of [id, delayed]) {
        expect(await trial.engine.cancel(open, trial.owner, "no longer needed")).toEqual({ cancelled: true, state: "cancelled" });
        expect(await trial.read(open)).toMatchObject({ state: "cancelled", attempt: 0, cancelReason: "no longer needed", failure: null });
      }
      const next = await trial.accept();
      expect((await trial.claimSoon({ limit: 10 })).id).toBe(next);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: cancelsNothing,
  },

  "a running call ends at once, and its attempt is told": {
    async run(trial) {
      const attempt = await trial.running();
      expect(await trial.engine.cancel(attempt.id, trial.owner, null)).toEqual({ cancelled: true, state: "cancelled" });
      expect(await trial.read(attempt.id)).toMatchObject({ state: "cancelled", attempt: 1, cancelReason: null });
      expect(await trial.engine.extend([attempt], longLeaseMs)).toEqual([{ id: attempt.id, attempt: 1, reason: "cancelled" }]);
      expect(await trial.engine.report(attempt, "1")).toBe("stale");
      expect(await trial.engine.settle(attempt, { type: "succeeded", output: "1" })).toBe("stale");
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "cancelled"]);
    },
    twin: engineThat("tells a cancelled attempt that it is lost", (engine) => ({
      extend: async (attempts, leaseMs) => (await engine.extend(attempts, leaseMs)).map((lost) => ({ ...lost, reason: "lost" })),
    })),
  },

  "a second cancel finds the call cancelled, for the first one's reason": {
    async run(trial) {
      const id = await trial.accept();
      await trial.engine.cancel(id, trial.owner, "first");
      expect(await trial.engine.cancel(id, trial.owner, "second")).toEqual({ cancelled: false, state: "cancelled" });
      expect((await trial.read(id)).cancelReason).toBe("first");
    },
    twin: engineThat("says of every cancel that it was the one", (engine) => ({
      cancel: async (id, reader, reason) => {
        await engine.cancel(id, reader, reason);
        return { cancelled: true, state: "cancelled" };
      },
    })),
  },

  "a cancel of a call that has ended says how it ended": {
    async run(trial) {
      const succeeded = await trial.running();
      await trial.engine.settle(succeeded, { type: "succeeded", output: "1" });
      const failed = await trial.running();
      await trial.engine.settle(failed, { type: "failed", failure: { code: "E", message: "m" } });
      expect(await trial.engine.cancel(succeeded.id, trial.owner, null)).toEqual({ cancelled: false, state: "succeeded" });
      expect(await trial.engine.cancel(failed.id, trial.owner, null)).toEqual({ cancelled: false, state: "failed" });
    },
    twin: engineThat("does not know a call that has ended", (engine) => ({
      cancel: async (id, reader, reason) => {
        const cancellation = await engine.cancel(id, reader, reason);
        return cancellation?.cancelled === true ? cancellation : null;
      },
    })),
  },

  "of twenty cancels at once, one ends the call": {
    async run(trial) {
      const { id } = await trial.running();
      const cancels = Array.from({ length: 20 }, (_, index) => trial.engine.cancel(id, trial.owner, String(index)));
      const answers = await Promise.all(cancels);
      const winners = answers.flatMap((answer, index) => (answer?.cancelled === true ? [String(index)] : []));
      expect(winners).toEqual([(await trial.read(id)).cancelReason]);
      expect(answers.every((answer) => answer?.state === "cancelled")).toBe(true);
    },
    twin: engineThat("asks first and cancels later", cancelsWithoutComparing),
  },

  "of cancels and settlements at once, each call has one winner": {
    async run(trial) {
      const attempts = [];
      for (let index = 0; index < 60; index += 1) attempts.push(await trial.running());
      await Promise.all(
        attempts.map(async (attempt, index) => {
          const settle = (): Promise<unknown> => trial.engine.settle(attempt, { type: "succeeded", output: "1" });
          const cancel = (): Promise<unknown> => trial.engine.cancel(attempt.id, trial.owner, null);
          const answers = await Promise.all(index % 2 === 0 ? [settle(), cancel()] : [cancel(), settle()]);
          const { state } = await trial.read(attempt.id);
          const won = index % 2 === 0 ? answers : answers.toReversed();
          expect(won).toEqual(
            state === "succeeded"
              ? ["settled", { cancelled: false, state: "succeeded" }]
              : ["stale", { cancelled: true, state: "cancelled" }],
          );
        }),
      );
    },
    twin: engineThat("asks first and cancels later", cancelsWithoutComparing),
  },

  "a call cancelled while it is handed out is cancelled, and its attempt learns it": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 30 }, () => trial.accept()));
      const [claims] = await Promise.all([
        Promise.all(ids.map(() => outcomeOf(trial.claim()))),
        Promise.all(ids.map((id) => trial.engine.cancel(id, trial.owner, null))),
      ]);
      const attempts = claims.flatMap((outcome) => ("value" in outcome ? outcome.value : []));
      expect(claims.every((outcome) => "value" in outcome)).toBe(true);
      for (const id of ids) expect((await trial.read(id)).state).toBe("cancelled");
      const lost = await trial.engine.extend(attempts, longLeaseMs);
      expect(lost.map(({ id }) => id).toSorted()).toEqual(attempts.map(({ id }) => id).toSorted());
      expect(lost.every(({ reason }) => reason === "cancelled")).toBe(true);
      expect(await trial.claim({ limit: 30 })).toEqual([]);
    },
    twin: engineThat("does not cancel a call that is being handed out", (engine) => ({
      cancel: async (id, reader, reason) => {
        const record = await engine.read(id, reader);
        return record?.state === "running" ? { cancelled: false, state: "running" } : engine.cancel(id, reader, reason);
      },
    })),
  },
});
