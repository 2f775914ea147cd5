import { expect } from "vitest";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { newCallId, outcomeOf } from "./trial.ts";

const answersWithoutStoring = engineThat("answers without storing", () => ({
  accept: async ({ id }) => ({ id, state: "queued", created: true }),
}));

/** A call begins. */
export const acceptTheme = defineTheme("accept", {
  "an accepted call is queued with its first event": {
    async run(trial) {
      const call = trial.newCall();
      expect(await trial.engine.accept(call)).toEqual({ id: call.id, state: "queued", created: true });
      const record = await trial.read(call.id);
      expect(record).toEqual({
        id: call.id,
        path: call.path,
        queue: call.queue,
        principal: call.principal,
        parent: null,
        repeats: null,
        tells: null,
        state: "queued",
        seq: 1,
        attempt: 0,
        progress: null,
        createdAt: record.createdAt,
        startedAt: null,
        endedAt: null,
        output: null,
        failure: null,
        cancelReason: null,
      });
      expect(await trial.events(call.id)).toEqual([{ seq: 1, at: record.createdAt, type: "queued" }]);
    },
    twin: answersWithoutStoring,
  },

  "what was accepted is what is claimed": {
    async run(trial) {
      const call = trial.newCall({ context: `{"tenant":3}`, input: `["in"]`, path: "imports.start" });
      await trial.engine.accept(call);
      const { createdAt } = await trial.read(call.id);
      expect(await trial.claimSoon()).toEqual({
        id: call.id,
        attempt: 1,
        path: call.path,
        queue: call.queue,
        principal: call.principal,
        input: call.input,
        context: call.context,
        failures: 0,
        createdAt,
        deadlineInMs: null,
      });
    },
    twin: acceptingThat("loses the context", () => ({ context: "null" })),
  },

  "an anonymous call has no principal": {
    async run(trial) {
      const call = await trial.running({ principal: null });
      expect(call.principal).toBeNull();
      expect((await trial.read(call.id)).principal).toBeNull();
    },
    twin: acceptingThat("stores no principal as an empty one", ({ principal }) => ({ principal: principal ?? "" })),
  },

  "the same acceptance repeated makes no second call": {
    async run(trial) {
      const call = trial.newCall();
      const first = await trial.engine.accept(call);
      const repetitions = await Promise.all([trial.engine.accept(call), trial.engine.accept(call)]);
      expect([first, ...repetitions].map(({ id }) => id)).toEqual([call.id, call.id, call.id]);
      expect(await trial.claimSoon()).toMatchObject({ id: call.id, attempt: 1 });
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: acceptingThat("gives every acceptance an id of its own", () => ({ id: newCallId() })),
  },

  "many calls accepted at once are all there": {
    async run(trial) {
      const calls = Array.from({ length: 200 }, (_, index) => trial.newCall({ input: String(index) }));
      await Promise.all(calls.map((call) => trial.engine.accept(call)));
      const inputs = new Map(calls.map((call) => [call.id, call.input]));
      while (inputs.size > 0) {
        const { id, input } = await trial.claimSoon();
        expect(input).toBe(inputs.get(id));
        inputs.delete(id);
      }
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("mixes up the inputs of a batch", (engine) => {
      let last = "";
      return {
        accept: (call, options) => {
          const input = call.input.endsWith("7") ? last : call.input;
          last = call.input;
          return engine.accept({ ...call, input }, options);
        },
      };
    }),
  },

  "a call accepted in a transaction is there when that has committed": {
    async run(trial) {
      const call = trial.newCall();
      const answer = await trial.engine.transaction((transaction) => trial.engine.accept(call, { transaction }));
      expect(answer).toEqual({ id: call.id, state: "queued", created: true });
      expect((await trial.claimSoon()).id).toBe(call.id);
    },
    twin: engineThat("drops what is accepted in a transaction", (engine) => ({
      accept: async (call, options) =>
        options?.transaction === undefined ? engine.accept(call) : { id: call.id, state: "queued", created: true },
    })),
  },

  "a call accepted in a transaction is not there before that commits": {
    async run(trial) {
      const call = trial.newCall();
      await trial.engine.transaction(async (transaction) => {
        await trial.engine.accept(call, { transaction });
        expect(await trial.engine.read(call.id, trial.owner)).toBeNull();
        expect(await trial.claim()).toEqual([]);
      });
      expect((await trial.claimSoon()).id).toBe(call.id);
    },
    twin: engineThat("accepts outside of the transaction", (engine) => ({ accept: (call) => engine.accept(call) })),
  },

  "a call accepted in a transaction that rolls back was never there": {
    async run(trial) {
      const call = trial.newCall();
      const refusal = new Error("The application changed its mind.");
      const rollingBack = trial.engine.transaction(async (transaction) => {
        await trial.engine.accept(call, { transaction });
        throw refusal;
      });
      expect(await outcomeOf(rollingBack)).toEqual({ error: refusal });
      expect(await trial.engine.read(call.id, trial.owner)).toBeNull();
      expect(await trial.claim()).toEqual([]);
    },
    twin: engineThat("accepts outside of the transaction", (engine) => ({ accept: (call) => engine.accept(call) })),
  },
});
