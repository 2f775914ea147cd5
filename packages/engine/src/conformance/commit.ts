import { expect } from "vitest";
import { StaleAttempt } from "../engine-errors.ts";
import type { Engine } from "../engine.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { outcomeOf } from "./trial.ts";

const staleAttempt = { error: { _tag: "StaleAttempt", code: "STALE_ATTEMPT" } };

/** The memory engine itself, for tests of what it cannot do: its transactions roll nothing back. */
const rollsNothingBack = engineThat("rolls nothing back", () => ({}));

function commitsByTheCallAlone(engine: Engine): Pick<Engine, "commit"> {
  return {
    commit: async (attempt, work) => {
      const { value, output } = await engine.transaction(work);
      for (let number = 1; number < 9; number += 1) await engine.settle({ id: attempt.id, attempt: number }, { type: "succeeded", output });
      return value;
    },
  };
}

/** The application's writes and the result in one step. */
export const commitTheme = defineTheme("commit", {
  "writes and result are there together": {
    async run(trial) {
      const attempt = await trial.running();
      const value = await trial.engine.commit(attempt, async (transaction) => {
        await trial.effects.write(transaction, trial.queue);
        return { value: { rows: 1 }, output: `{"rows":1}` };
      });
      expect(value).toEqual({ rows: 1 });
      expect(await trial.effects.count(trial.queue)).toBe(1);
      expect(await trial.read(attempt.id)).toMatchObject({ state: "succeeded", output: `{"rows":1}` });
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "succeeded"]);
    },
    twin: engineThat("forgets the result", (engine) => ({
      commit: async (_attempt, work) => (await engine.transaction(work)).value,
    })),
  },

  "a commit whose work throws rethrows that, and the attempt goes on": {
    async run(trial) {
      const attempt = await trial.running();
      // Also errors that look like an engine's: the application's own files, hosts and time limits.
      const coded = ["ENOENT", "ECONNREFUSED", "CONNECTION_CLOSED", "57014"].map((code) => Object.assign(new Error("no"), { code }));
      for (const refusal of [new Error("no"), null, "text", Object.freeze({ code: 1 }), ...coded]) {
        const committing = trial.engine.commit(attempt, async () => {
          throw refusal;
        });
        const outcome = await outcomeOf(committing);
        expect("error" in outcome && Object.is(outcome.error, refusal)).toBe(true);
      }
      expect(await trial.read(attempt.id)).toMatchObject({ state: "running", seq: 2 });
      expect(await trial.engine.commit(attempt, async () => ({ value: 2, output: "2" }))).toBe(2);
    },
    twin: engineThat("wraps what the work throws", (engine) => ({
      commit: (attempt, work) =>
        engine.commit(attempt, work).catch((error: unknown) => {
          throw new Error("The commit failed.", { cause: error });
        }),
    })),
  },

  "what a commit wrote before it threw is rolled back": {
    async run(trial) {
      const attempt = await trial.running();
      const committing = trial.engine.commit(attempt, async (transaction) => {
        await trial.effects.write(transaction, trial.queue);
        throw new Error("too late");
      });
      expect(await outcomeOf(committing)).toMatchObject({ error: { message: "too late" } });
      expect(await trial.effects.count(trial.queue)).toBe(0);
      await trial.engine.commit(attempt, async (transaction) => {
        await trial.effects.write(transaction, trial.queue);
        return { value: null, output: "null" };
      });
      expect(await trial.effects.count(trial.queue)).toBe(1);
    },
    twin: rollsNothingBack,
  },

  "a commit of a stale attempt is refused": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.settle(first, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      const commit = (attempt: typeof first): Promise<unknown> => trial.engine.commit(attempt, async () => ({ value: 1, output: "1" }));
      expect(await outcomeOf(commit(first))).toMatchObject(staleAttempt);
      const second = await trial.claimSoon();
      expect(await outcomeOf(commit(first))).toMatchObject(staleAttempt);
      expect(await trial.read(first.id)).toMatchObject({ state: "running", attempt: 2 });
      await trial.engine.cancel(first.id, trial.owner, null);
      expect(await outcomeOf(commit(second))).toMatchObject(staleAttempt);
      expect(await trial.read(first.id)).toMatchObject({ state: "cancelled", output: null });
    },
    twin: engineThat("commits by the call alone", commitsByTheCallAlone),
  },

  "what a stale attempt writes is not kept": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.settle(first, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 });
      await trial.claimSoon();
      const committing = trial.engine.commit(first, async (transaction) => {
        await trial.effects.write(transaction, trial.queue);
        return { value: null, output: "null" };
      });
      expect(await outcomeOf(committing)).toMatchObject(staleAttempt);
      expect(await trial.effects.count(trial.queue)).toBe(0);
    },
    twin: engineThat("commits the writes before it looks at the attempt", (engine) => ({
      commit: async (attempt, work) => {
        const { value, output } = await engine.transaction(work);
        if ((await engine.settle(attempt, { type: "succeeded", output })) === "stale") throw new StaleAttempt(attempt);
        return value;
      },
    })),
  },

  "a second commit of an attempt is refused": {
    async run(trial) {
      const attempt = await trial.running();
      const commit = (): Promise<unknown> =>
        trial.engine.commit(attempt, async (transaction) => {
          await trial.effects.write(transaction, trial.queue);
          return { value: 1, output: "1" };
        });
      await commit();
      expect(await outcomeOf(commit())).toMatchObject(staleAttempt);
      expect(await trial.effects.count(trial.queue)).toBe(1);
      expect(await trial.history(attempt.id)).toEqual(["queued", "started", "succeeded"]);
    },
    twin: engineThat("commits by the call alone", commitsByTheCallAlone),
  },

  "of commits of one attempt at once, one is written": {
    async run(trial) {
      const attempt = await trial.running();
      const committing = Array.from({ length: 5 }, (_, index) =>
        outcomeOf(
          trial.engine.commit(attempt, async (transaction) => {
            await trial.effects.write(transaction, trial.queue);
            return { value: index, output: String(index) };
          }),
        ),
      );
      const outcomes = await Promise.all(committing);
      const winners = outcomes.flatMap((outcome) => ("value" in outcome ? [outcome.value] : []));
      expect(winners).toHaveLength(1);
      expect((await trial.read(attempt.id)).output).toBe(String(winners[0]));
      expect(await trial.effects.count(trial.queue)).toBe(1);
    },
    twin: rollsNothingBack,
  },

  "a cancel during a commit comes before it or after it, whole": {
    async run(trial) {
      const attempt = await trial.running();
      let cancelling = Promise.resolve<unknown>(null);
      const outcome = await outcomeOf(
        trial.engine.commit(attempt, async (transaction) => {
          await trial.effects.write(transaction, trial.queue);
          // Not awaited here: an engine may hold the cancel back until this has committed.
          cancelling = trial.engine.cancel(attempt.id, trial.owner, null);
          return { value: 1, output: "1" };
        }),
      );
      const wasCommitted = "value" in outcome;
      expect(await cancelling).toEqual(wasCommitted ? { cancelled: false, state: "succeeded" } : { cancelled: true, state: "cancelled" });
      expect((await trial.read(attempt.id)).state).toBe(wasCommitted ? "succeeded" : "cancelled");
      expect(await trial.effects.count(trial.queue)).toBe(wasCommitted ? 1 : 0);
    },
    twin: rollsNothingBack,
  },

  "of commits and cancels at once, each call has one winner": {
    async run(trial) {
      const attempts = [];
      for (let index = 0; index < 30; index += 1) attempts.push(await trial.running());
      await Promise.all(
        attempts.map(async (attempt, index) => {
          const commit = (): Promise<string> => trial.engine.commit(attempt, async () => ({ value: "committed", output: "1" }));
          const cancel = (): Promise<unknown> => trial.engine.cancel(attempt.id, trial.owner, null);
          const [first, second] = index % 2 === 0 ? [commit, cancel] : [cancel, commit];
          const outcomes = await Promise.all([outcomeOf(first()), outcomeOf(second())]);
          const { state } = await trial.read(attempt.id);
          const committed = outcomes.some((outcome) => "value" in outcome && outcome.value === "committed");
          const cancelled = outcomes.some(
            (outcome) => "value" in outcome && (outcome.value as { cancelled?: boolean } | null)?.cancelled === true,
          );
          expect({ committed, cancelled }).toEqual({ committed: state === "succeeded", cancelled: state === "cancelled" });
        }),
      );
    },
    twin: engineThat("tells the worker of a commit that came too late that it was in time", (engine) => ({
      commit: async (attempt, work) => {
        const { value, output } = await engine.transaction(work);
        await engine.settle(attempt, { type: "succeeded", output });
        return value;
      },
    })),
  },

  "a transaction hands its value through, and what it throws": {
    async run(trial) {
      const value = await trial.engine.transaction(async (transaction) => {
        await trial.effects.write(transaction, trial.queue);
        return "done";
      });
      expect(value).toBe("done");
      expect(await trial.effects.count(trial.queue)).toBe(1);
      const refusal = { plain: "object" };
      const outcome = await outcomeOf(
        trial.engine.transaction(async () => {
          throw refusal;
        }),
      );
      expect("error" in outcome && outcome.error === refusal).toBe(true);
    },
    twin: engineThat("runs transactions twice", (engine) => ({
      transaction: async (work) => {
        await engine.transaction(work);
        return engine.transaction(work);
      },
    })),
  },

  "what a transaction wrote before it threw is rolled back": {
    async run(trial) {
      const outcome = await outcomeOf(
        trial.engine.transaction(async (transaction) => {
          await trial.effects.write(transaction, trial.queue);
          throw new Error("no");
        }),
      );
      expect(outcome).toMatchObject({ error: { message: "no" } });
      expect(await trial.effects.count(trial.queue)).toBe(0);
    },
    twin: rollsNothingBack,
  },
});
