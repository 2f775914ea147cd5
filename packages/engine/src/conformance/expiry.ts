import { expect } from "vitest";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs } from "./trial.ts";

const knowsNoDeadline = acceptingThat("knows no deadline", () => ({ deadlineMs: null }));
const knowsNoStartBy = acceptingThat("knows no time to start by", () => ({ startByMs: null }));

/** A call's time runs out. */
export const expiryTheme = defineTheme("expiry", {
  "a call that nobody began in time expires": {
    async run(trial) {
      const beganMs = performance.now();
      // The delay counts: this call could not have begun in time.
      const id = await trial.accept({ startByMs: 200, delayMs: 3_600_000 });
      const runnable = await trial.accept({ startByMs: 200 });
      for (const late of [id, runnable]) {
        const record = await trial.until(late, "expired");
        expect(performance.now() - beganMs).toBeGreaterThanOrEqual(200);
        expect(record).toMatchObject({ attempt: 0, failure: { code: "START_BY_PASSED" }, output: null });
        expect(await trial.history(late)).toEqual(["queued", "expired"]);
      }
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: knowsNoStartBy,
  },

  "a call that began in time may wait for its next attempt": {
    async run(trial) {
      const first = await trial.running({ startByMs: 1_000 });
      await trial.engine.settle(first, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      // Accepted later: when this one has expired, the time of the first has passed as well.
      const late = await trial.accept({ startByMs: 1_000, delayMs: 3_600_000 });
      await trial.until(late, "expired");
      expect(await trial.read(first.id)).toMatchObject({ state: "queued", attempt: 1 });
      expect((await trial.claimSoon()).id).toBe(first.id);
    },
    twin: acceptingThat("takes the time to start by for a deadline", ({ startByMs }) => ({ deadlineMs: startByMs })),
  },

  "a queued call expires at its deadline": {
    async run(trial) {
      const beganMs = performance.now();
      const id = await trial.accept({ deadlineMs: 200 });
      const record = await trial.until(id, "expired");
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(200);
      expect(record).toMatchObject({ attempt: 0, failure: { code: "DEADLINE_PASSED" } });
      expect(await trial.claim()).toEqual([]);
      expect(await trial.engine.cancel(id, trial.owner, null)).toEqual({ cancelled: false, state: "expired" });
    },
    twin: knowsNoDeadline,
  },

  "a running call expires at its deadline, and its attempt is told": {
    async run(trial) {
      const attempt = await trial.running({ deadlineMs: 1_000 });
      await trial.until(attempt.id, "expired");
      expect((await trial.read(attempt.id)).failure).toMatchObject({ code: "DEADLINE_PASSED" });
      expect(await trial.engine.extend([attempt], longLeaseMs)).toEqual([{ id: attempt.id, attempt: 1, reason: "expired" }]);
      expect(await trial.engine.settle(attempt, { type: "succeeded", output: "1" })).toBe("stale");
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "expired"]);
    },
    twin: engineThat("tells an expired attempt that it is lost", (engine) => ({
      extend: async (attempts, leaseMs) => (await engine.extend(attempts, leaseMs)).map((lost) => ({ ...lost, reason: "lost" })),
    })),
  },

  "a call that waits for its next attempt expires at its deadline": {
    async run(trial) {
      const attempt = await trial.running({ deadlineMs: 1_000 });
      await trial.engine.settle(attempt, { type: "retrying", reason: "failed", failure: null, delayMs: 3_600_000 });
      const record = await trial.until(attempt.id, "expired");
      expect(record).toMatchObject({ attempt: 1, failure: { code: "DEADLINE_PASSED" } });
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "retrying", "expired"]);
    },
    twin: knowsNoDeadline,
  },

  "a call that ended before its deadline stays as it ended": {
    async run(trial) {
      const inTime = await trial.running({ deadlineMs: 1_000 });
      await trial.engine.settle(inTime, { type: "succeeded", output: "1" });
      const late = await trial.accept({ deadlineMs: 1_000 });
      await trial.until(late, "expired");
      expect(await trial.read(inTime.id)).toMatchObject({ state: "succeeded", seq: 3 });
    },
    twin: engineThat("forgets to settle", () => ({ settle: async () => "settled" })),
  },
});
