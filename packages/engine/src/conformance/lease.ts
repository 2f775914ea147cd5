import { limits } from "@raincheck/protocol";
import { expect } from "vitest";
import { defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, outcomeOf } from "./trial.ts";

/** Short enough to wait for, long enough for a verb or two on a busy machine. */
const shortLeaseMs = 200;

const forgetsExpiredLeases = engineThat("never ends a lease", (engine) => ({
  claim: (request) => engine.claim({ ...request, leaseMs: longLeaseMs }),
}));

/** A worker's silence ends its attempt. */
export const leaseTheme = defineTheme("lease", {
  "a call whose lease has ended goes back to the queue as lost": {
    async run(trial) {
      const beganMs = performance.now();
      const first = await trial.running({}, { leaseMs: shortLeaseMs });
      await trial.until(first.id, "queued");
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(shortLeaseMs);
      expect((await trial.events(first.id)).at(-1)).toMatchObject({
        type: "retrying",
        attempt: 1,
        reason: "lost",
        failure: null,
        delayMs: 0,
      });
      expect(await trial.claimSoon()).toMatchObject({ id: first.id, attempt: 2, failures: 0 });
    },
    twin: forgetsExpiredLeases,
  },

  "a lease that is extended does not end when it would have": {
    async run(trial) {
      const kept = await trial.running({}, { leaseMs: 1_000 });
      expect(await trial.engine.extend([kept], longLeaseMs)).toEqual([]);
      // The lease of this one begins later and is as long: when it has ended, that of the other would have.
      const silent = await trial.running({}, { leaseMs: 1_000 });
      await trial.until(silent.id, "queued");
      expect(await trial.read(kept.id)).toMatchObject({ state: "running", attempt: 1 });
      expect(await trial.engine.settle(kept, { type: "succeeded", output: "1" })).toBe("settled");
    },
    twin: engineThat("does not extend", () => ({ extend: async () => [] })),
  },

  "extend names the attempts that are no longer the worker's own, and extends the others": {
    async run(trial) {
      const lost = await trial.running({}, { leaseMs: shortLeaseMs });
      await trial.until(lost.id, "queued");
      const current = await trial.claimSoon();
      const kept = await trial.running();
      const unknown = { id: "00000000-0000-4000-8000-000000000000", attempt: 1 };
      const never = { id: kept.id, attempt: 9 };
      const named = await trial.engine.extend([lost, kept, unknown, never, current], longLeaseMs);
      const byId = (one: { id: string }, other: { id: string }): number => one.id.localeCompare(other.id);
      expect(named.toSorted(byId)).toEqual(
        [
          { id: lost.id, attempt: 1, reason: "lost" },
          { ...unknown, reason: "lost" },
          { ...never, reason: "lost" },
        ].toSorted(byId),
      );
      expect(await trial.engine.extend([], longLeaseMs)).toEqual([]);
    },
    twin: engineThat("extends by the call alone", (engine) => ({
      extend: async (attempts, leaseMs) => {
        const lost = await engine.extend(attempts, leaseMs);
        return lost.filter(({ attempt }) => attempt > 1);
      },
    })),
  },

  "an attempt that was lost changes nothing any more": {
    async run(trial) {
      const lost = await trial.running({}, { leaseMs: shortLeaseMs });
      await trial.until(lost.id, "queued");
      expect(await trial.engine.report(lost, "1")).toBe("stale");
      const current = await trial.claimSoon();
      expect(await trial.engine.report(lost, "1")).toBe("stale");
      expect(await trial.engine.settle(lost, { type: "succeeded", output: `"late"` })).toBe("stale");
      expect(await trial.engine.settle(lost, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 })).toBe("stale");
      const committing = trial.engine.commit(lost, async () => ({ value: 1, output: `"late"` }));
      expect(await outcomeOf(committing)).toMatchObject({ error: { _tag: "StaleAttempt" } });
      expect(await trial.history(lost.id)).toEqual(["queued", "started", "retrying", "started"]);
      expect(await trial.engine.settle(current, { type: "succeeded", output: `"in time"` })).toBe("settled");
      expect((await trial.read(lost.id)).output).toBe(`"in time"`);
    },
    twin: engineThat("settles by the call alone", (engine) => ({
      settle: async (attempt, settlement) => {
        for (let number = attempt.attempt; number < attempt.attempt + 9; number += 1) {
          if ((await engine.settle({ id: attempt.id, attempt: number }, settlement)) === "settled") return "settled";
        }
        return "stale";
      },
    })),
  },

  "a call that loses its worker three times is given up as poison": {
    async run(trial) {
      const id = await trial.accept();
      for (let crashes = 0; crashes < limits.crashes; crashes += 1) {
        // What the attempts in between cost is not counted as a crash.
        const failing = await trial.claimSoon();
        await trial.engine.settle(failing, { type: "retrying", reason: "failed", failure: { code: "E", message: "again" }, delayMs: 0 });
        const handingBack = await trial.claimSoon();
        await trial.engine.settle(handingBack, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
        const dying = await trial.claimSoon({ leaseMs: shortLeaseMs });
        expect(dying).toMatchObject({ id, attempt: 3 * (crashes + 1), failures: crashes + 1 });
        await trial.untilRecord(id, ({ state }) => state !== "running", { what: "the lease to end" });
      }
      const record = await trial.read(id);
      expect(record).toMatchObject({ state: "failed", attempt: 9, failure: { code: "POISON" } });
      const reasons = (await trial.events(id)).map((event) => (event.type === "retrying" ? event.reason : event.type));
      expect(reasons.filter((reason) => reason === "lost")).toHaveLength(limits.crashes - 1);
      expect(reasons.at(-1)).toBe("failed");
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("gives up a call only after its own failures", (engine) => ({
      read: async (id, reader) => {
        const record = await engine.read(id, reader);
        return record?.failure?.code === "POISON" ? { ...record, state: "queued", failure: null } : record;
      },
    })),
  },
});
