import { expect } from "vitest";
import type { Settlement } from "../attempt.ts";
import { defineTheme, engineThat } from "./theme.ts";

const retried: Settlement = { type: "retrying", reason: "failed", failure: { code: "E", message: "again" }, delayMs: 0 };
const succeeded: Settlement = { type: "succeeded", output: "1" };

/** A running attempt tells how far it is. */
export const reportTheme = defineTheme("report", {
  "progress is the call's latest, and an event": {
    async run(trial) {
      const attempt = await trial.running();
      for (const progress of ["1", "2", "3"]) {
        expect(await trial.engine.report(attempt, progress)).toBe("settled");
        expect(await trial.read(attempt.id)).toMatchObject({ state: "running", progress });
        expect((await trial.events(attempt.id)).at(-1)).toMatchObject({ type: "progress", attempt: 1, value: progress });
      }
    },
    twin: engineThat("keeps the first progress", (engine) => {
      let first: string | null = null;
      return { report: (attempt, progress) => engine.report(attempt, (first ??= progress)) };
    }),
  },

  "progress that is the latest already is not written again, and the same value later is": {
    async run(trial) {
      const attempt = await trial.running();
      for (const progress of ["1", "1", "2", "1"]) expect(await trial.engine.report(attempt, progress)).toBe("settled");
      const events = await trial.events(attempt.id);
      expect(events.flatMap((event) => (event.type === "progress" ? [event.value] : []))).toEqual(["1", "2", "1"]);
      await trial.engine.settle(attempt, retried);
      await trial.engine.report(await trial.claimSoon(), "1");
      expect((await trial.events(attempt.id)).at(-1)).toMatchObject({ type: "progress", attempt: 2, value: "1" });
    },
    twin: engineThat("writes each value once", (engine) => {
      const seen = new Set<string>();
      return {
        async report(attempt, progress) {
          if (seen.has(progress)) return "settled";
          seen.add(progress);
          return engine.report(attempt, progress);
        },
      };
    }),
  },

  "progress lasts until the next attempt begins": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.report(first, "50");
      await trial.engine.settle(first, retried);
      expect((await trial.read(first.id)).progress).toBe("50");
      const second = await trial.claimSoon();
      expect((await trial.read(first.id)).progress).toBeNull();
      await trial.engine.report(second, "10");
      await trial.engine.settle(second, succeeded);
      expect((await trial.read(first.id)).progress).toBe("10");
    },
    twin: engineThat("shows the furthest progress", (engine) => {
      let last: string | null = null;
      return {
        report: (attempt, progress) => engine.report(attempt, (last = progress)),
        read: async (id, reader) => {
          const record = await engine.read(id, reader);
          return record === null ? null : { ...record, progress: record.progress ?? last };
        },
      };
    }),
  },

  "progress of attempts that do not run is stale": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.settle(first, retried);
      expect(await trial.engine.report(first, "1")).toBe("stale");
      const second = await trial.claimSoon();
      expect(await trial.engine.report(first, "1")).toBe("stale");
      await trial.engine.cancel(first.id, trial.owner, null);
      expect(await trial.engine.report(second, "1")).toBe("stale");
      expect(await trial.history(first.id)).toEqual(["queued", "started", "retrying", "started", "cancelled"]);
    },
    twin: engineThat("does not say what is stale", (engine) => ({
      report: async (attempt, progress) => {
        await engine.report(attempt, progress);
        return "settled";
      },
    })),
  },
});
