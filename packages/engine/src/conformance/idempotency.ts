import { expect } from "vitest";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { outcomeOf } from "./trial.ts";

/** An idempotency key names one call of one principal and procedure. */
export const idempotencyTheme = defineTheme("idempotency", {
  "the same key gives the same call, as it is by then": {
    async run(trial) {
      const idempotencyKey = "order 17";
      const id = await trial.accept({ idempotencyKey });
      expect(await trial.engine.accept(trial.newCall({ idempotencyKey }))).toEqual({ id, state: "queued", created: false });
      const attempt = await trial.claimSoon();
      expect(await trial.engine.accept(trial.newCall({ idempotencyKey }))).toEqual({ id, state: "running", created: false });
      await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      expect(await trial.engine.accept(trial.newCall({ idempotencyKey }))).toEqual({ id, state: "succeeded", created: false });
      expect(await trial.claim()).toEqual([]);
    },
    twin: acceptingThat("forgets the key", () => ({ idempotencyKey: null })),
  },

  "calls without a key are calls of their own": {
    async run(trial) {
      const ids = await Promise.all([trial.accept(), trial.accept(), trial.accept()]);
      expect(new Set(ids).size).toBe(3);
    },
    twin: acceptingThat("takes no key for an empty one", ({ idempotencyKey }) => ({ idempotencyKey: idempotencyKey ?? "" })),
  },

  "the same key with another input is refused, and nothing is stored": {
    async run(trial) {
      const idempotencyKey = "order 18";
      const id = await trial.accept({ idempotencyKey, input: "1" });
      const other = trial.newCall({ idempotencyKey, input: "2" });
      expect(await outcomeOf(trial.engine.accept(other))).toMatchObject({ error: { _tag: "IdempotencyConflict", code: "CONFLICT" } });
      expect(await trial.engine.read(other.id, trial.owner)).toBeNull();
      expect(await trial.claimSoon()).toMatchObject({ id, input: "1" });
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("does not compare inputs", (engine) => {
      const inputs = new Map<string, string>();
      return {
        accept: (call, options) => {
          const input = inputs.get(call.idempotencyKey ?? call.id) ?? call.input;
          inputs.set(call.idempotencyKey ?? call.id, input);
          return engine.accept({ ...call, input }, options);
        },
      };
    }),
  },

  "fifty acceptances of one key at once make one call": {
    async run(trial) {
      const calls = Array.from({ length: 50 }, () => trial.newCall({ idempotencyKey: "at once" }));
      const answers = await Promise.all(calls.map((call) => trial.engine.accept(call)));
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      expect(await trial.claim({ limit: 50 })).toHaveLength(1);
    },
    twin: engineThat("looks for the key first and inserts later", (engine) => {
      const keys = new Map<string | null, string>();
      return {
        accept: async (call, options) => {
          const id = keys.get(call.idempotencyKey);
          await Promise.resolve();
          if (id !== undefined) return { id, state: "queued", created: false };
          keys.set(call.idempotencyKey, call.id);
          return engine.accept({ ...call, idempotencyKey: null }, options);
        },
      };
    }),
  },

  "of acceptances of one key with two inputs at once, one input wins": {
    async run(trial) {
      const calls = Array.from({ length: 50 }, (_, index) => trial.newCall({ idempotencyKey: "two inputs", input: String(index % 2) }));
      const outcomes = await Promise.all(calls.map((call) => outcomeOf(trial.engine.accept(call))));
      const winner = await trial.claimSoon();
      expect(await trial.claim()).toEqual([]);
      outcomes.forEach((outcome, index) => {
        if (calls[index]?.input === winner.input) expect(outcome).toMatchObject({ value: { id: winner.id } });
        else expect(outcome).toMatchObject({ error: { _tag: "IdempotencyConflict" } });
      });
      expect(outcomes.filter((outcome) => "value" in outcome && outcome.value.created)).toHaveLength(1);
    },
    twin: engineThat("answers a conflict with the other call", (engine) => {
      const keys = new Map<string | null, string>();
      return {
        accept: async (call, options) => {
          const id = keys.get(call.idempotencyKey);
          if (id !== undefined) return { id, state: "queued", created: false };
          keys.set(call.idempotencyKey, call.id);
          return engine.accept(call, options);
        },
      };
    }),
  },

  "a key belongs to one principal and one procedure": {
    async run(trial) {
      const owner = trial.owner.principal;
      // Pairs that a careless join of the parts would mix up, and a principal that is missing beside one that is not.
      const parts: readonly [principal: string | null, path: string, key: string][] = [
        [owner, "a.b", "c"],
        [owner, "a", "b.c"],
        [owner, "a", "b,c"],
        [owner, "a,b", "c"],
        [owner, `a","b`, "c"],
        [owner, "a.b", "C"],
        [owner, "a.b", " c"],
        [owner, "a.b", ""],
        [`${owner}:a`, "b", "c"],
        [owner, "a:b", "c"],
        [owner, "a", "b:c"],
        [null, "a", trial.queue],
        ["", "a", trial.queue],
        ["null", "a", trial.queue],
      ];
      const accept = ([principal, path, idempotencyKey]: (typeof parts)[number]): Promise<{ id: string; created: boolean }> =>
        trial.engine.accept(trial.newCall({ principal, path, idempotencyKey }));
      const first = await Promise.all(parts.map(accept));
      expect(first.every(({ created }) => created)).toBe(true);
      const again = await Promise.all(parts.map(accept));
      expect(again.map(({ id, created }) => ({ id, created }))).toEqual(first.map(({ id }) => ({ id, created: false })));
    },
    twin: acceptingThat("joins path and key with a colon", ({ path, idempotencyKey }) =>
      idempotencyKey === null ? {} : { path: "joined", idempotencyKey: `${path}:${idempotencyKey}` },
    ),
  },
});
