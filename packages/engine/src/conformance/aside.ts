import { expect } from "vitest";
import type { Withheld } from "../claim-request.ts";
import { defineTheme, engineThat } from "./theme.ts";
import type { Trial } from "./trial.ts";

const path = "flights.new";
const unknown: Withheld = { path, places: 0, giveUpAfterMs: 600_000 };
const failing: Withheld = { path, places: 0, giveUpAfterMs: null };

/** A worker without the procedure comes upon the calls, and takes none. */
async function comeUpon(trial: Trial, withheld: Withheld): Promise<void> {
  expect(await trial.claim({ limit: 10, withheld: [withheld] })).toEqual([]);
}

const ignoresWithheld = engineThat("hands out what is withheld", (engine) => ({
  claim: (request) => engine.claim({ ...request, withheld: [] }),
}));

const neverGivesUp = engineThat("never gives up a call that nobody knows", (engine) => ({
  claim: (request) =>
    engine.claim({ ...request, withheld: (request.withheld ?? []).map((one): Withheld => ({ ...one, giveUpAfterMs: null })) }),
  settle: (attempt, settlement) =>
    engine.settle(attempt, settlement.type === "unknown" ? { ...settlement, giveUpAfterMs: 1e9 } : settlement),
}));

/** Calls that a worker withholds are set aside for others. */
export const asideTheme = defineTheme("aside", {
  "a withheld call is left, without an attempt, for whoever does not withhold it": {
    async run(trial) {
      const id = await trial.accept({ path });
      await comeUpon(trial, unknown);
      await comeUpon(trial, unknown);
      expect(await trial.history(id)).toEqual(["queued"]);
      expect(await trial.claimSoon()).toMatchObject({ id, attempt: 1, failures: 0 });
    },
    twin: ignoresWithheld,
  },

  "withheld calls hold up no others, however many there are": {
    async run(trial) {
      for (let call = 0; call < 30; call += 1) await trial.accept({ path, priority: 5 });
      const other = await trial.accept({ path: "flights.old" });
      expect((await trial.claimSoon({ withheld: [unknown] })).id).toBe(other);
    },
    twin: ignoresWithheld,
  },

  "a claim takes as many of a withheld procedure as it has places, the first in order": {
    async run(trial) {
      const ids = [];
      for (const priority of [0, 0, 7, 0]) ids.push(await trial.accept({ path, priority }));
      const some = await trial.claim({ limit: 10, withheld: [{ ...failing, places: 2 }] });
      expect(some.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
      const more = await trial.claim({ limit: 10, withheld: [{ ...failing, places: 1 }] });
      expect(more.map(({ id }) => id)).toEqual([ids[1]]);
      expect((await trial.claimSoon()).id).toBe(ids[3]);
    },
    twin: ignoresWithheld,
  },

  "an attempt whose worker does not know the procedure costs nothing, and the call is left for others": {
    async run(trial) {
      const first = await trial.running({ path });
      expect(await trial.engine.settle(first, { type: "unknown", giveUpAfterMs: 600_000 })).toBe("settled");
      expect(await trial.engine.settle(first, { type: "unknown", giveUpAfterMs: 600_000 })).toBe("settled");
      expect((await trial.events(first.id)).at(-1)).toMatchObject({ type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      await comeUpon(trial, unknown);
      expect(await trial.claimSoon()).toMatchObject({ id: first.id, attempt: 2, failures: 0 });
    },
    twin: engineThat("counts it as a failure", (engine) => ({
      settle: (attempt, settlement) =>
        engine.settle(
          attempt,
          settlement.type === "unknown"
            ? { type: "retrying", reason: "failed", failure: { code: "E", message: "m" }, delayMs: 0 }
            : settlement,
        ),
    })),
  },

  "a call that nobody knows in time fails as UNKNOWN_PROCEDURE": {
    async run(trial) {
      const begun = await trial.running({ path });
      await trial.engine.settle(begun, { type: "unknown", giveUpAfterMs: 300 });
      const met = await trial.accept({ path });
      await comeUpon(trial, { ...unknown, giveUpAfterMs: 300 });
      for (const id of [met, begun.id]) {
        const { failure } = await trial.until(id, "failed");
        expect(failure).toEqual({ code: "UNKNOWN_PROCEDURE", message: expect.stringContaining(path) });
      }
    },
    twin: neverGivesUp,
  },

  "a call waits for a worker that knows it from the first that does not": {
    async run(trial) {
      const call = await trial.running({ path });
      await trial.engine.settle(call, { type: "unknown", giveUpAfterMs: 700 });
      const again = await trial.claimSoon();
      await trial.engine.settle(again, { type: "unknown", giveUpAfterMs: 600_000 });
      await comeUpon(trial, unknown);
      expect((await trial.until(call.id, "failed")).failure?.code).toBe("UNKNOWN_PROCEDURE");
    },
    twin: neverGivesUp,
  },

  "a call that is withheld by who knows it is never given up": {
    async run(trial) {
      const id = await trial.accept({ path });
      await comeUpon(trial, failing);
      await untilAnotherIsGivenUp(trial);
      expect((await trial.read(id)).state).toBe("queued");
      expect((await trial.claimSoon()).id).toBe(id);
    },
    twin: engineThat("gives up each call that is withheld", (engine) => ({
      claim: (request) =>
        engine.claim({ ...request, withheld: (request.withheld ?? []).map((one): Withheld => ({ ...one, giveUpAfterMs: 1 })) }),
    })),
  },

  "a worker that knows a procedure puts off the end of its calls, and of no others": {
    async run(trial) {
      const id = await trial.accept({ path });
      await comeUpon(trial, { ...unknown, giveUpAfterMs: 1_000 });
      await trial.engine.vouch({ queues: [trial.queue], knows: async (asked) => asked === path, giveUpAfterMs: 600_000 });
      await untilAnotherIsGivenUp(trial, 1_200);
      expect((await trial.read(id)).state).toBe("queued");
      expect((await trial.claimSoon()).id).toBe(id);
    },
    twin: engineThat("vouches for nobody", () => ({ vouch: async () => {} })),
  },

  "limited calls that are withheld begin as their path has room, where they are not": {
    async run(trial) {
      const ids = [await trial.accept({ path, concurrency: 1 }), await trial.accept({ path, concurrency: 1 })];
      await comeUpon(trial, unknown);
      const first = await trial.claimSoon({ limit: 10 });
      await comeUpon(trial, unknown);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
      await trial.engine.settle(first, { type: "succeeded", output: "1" });
      const second = await trial.claimSoon({ limit: 10 });
      expect([first.id, second.id].toSorted()).toEqual(ids.toSorted());
      expect([first.attempt, second.attempt]).toEqual([1, 1]);
    },
    twin: ignoresWithheld,
  },

  "a call that is set aside can be cancelled, and expires": {
    async run(trial) {
      const cancelled = await trial.accept({ path });
      const expiring = await trial.accept({ path, deadlineMs: 300 });
      await comeUpon(trial, unknown);
      expect(await trial.engine.cancel(cancelled, trial.owner, null)).toEqual({ cancelled: true, state: "cancelled" });
      await trial.until(expiring, "expired");
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: ignoresWithheld,
  },
});

/** Waits for a call of a procedure that nobody has to be given up: those before it would have been by then. */
async function untilAnotherIsGivenUp(trial: Trial, giveUpAfterMs = 300): Promise<void> {
  const id = await trial.accept({ path: "flights.gone", priority: 1_000 });
  expect(await trial.claim({ withheld: [{ path: "flights.gone", places: 0, giveUpAfterMs }, failing] })).toEqual([]);
  await trial.until(id, "failed");
}
