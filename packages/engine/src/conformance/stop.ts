import { hasTag } from "@raincheck/protocol";
import { expect } from "vitest";
import { EngineUnavailable } from "../engine-errors.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, outcomeOf } from "./trial.ts";

const done = { value: undefined };

/** An engine begins and ends. */
export const stopTheme = defineTheme("stop", {
  "an engine that was stopped refuses every verb": {
    async run(trial) {
      await using own = await trial.makeOwn();
      const { engine } = own;
      const call = trial.newCall();
      await engine.accept(call);
      const [attempt] = await trial.claim({}, engine);
      if (attempt === undefined) return expect.fail("The call was not claimed.");
      await engine.stop();
      const verbs: Record<string, () => Promise<unknown>> = {
        start: () => engine.start(),
        accept: () => engine.accept(trial.newCall()),
        claim: () => trial.claim({}, engine),
        extend: () => engine.extend([attempt], longLeaseMs),
        report: () => engine.report(attempt, "1"),
        settle: () => engine.settle(attempt, { type: "succeeded", output: "1" }),
        commit: () => engine.commit(attempt, async () => ({ value: 1, output: "1" })),
        transaction: () => engine.transaction(async () => 1),
        cancel: () => engine.cancel(call.id, trial.owner, null),
        read: () => engine.read(call.id, trial.owner),
        list: () => engine.list(trial.owner, { path: null, state: null, cursor: null, limit: 1 }),
        events: () => engine.events(call.id, 0, trial.owner),
      };
      for (const [name, verb] of Object.entries(verbs)) {
        expect(await outcomeOf(verb()), name).toMatchObject({ error: { _tag: "EngineUnavailable" } });
      }
    },
    twin: engineThat("does not stop", () => ({ stop: async () => {} })),
  },

  "it says that it was stopped, not that it cannot be reached for now": {
    async run(trial) {
      await using own = await trial.makeOwn();
      const { engine } = own;
      await engine.stop();
      const stopped = { error: { _tag: "EngineUnavailable", code: "STOPPED", name: "EngineStopped" } };
      expect(await outcomeOf(engine.accept(trial.newCall()))).toMatchObject(stopped);
      expect(await outcomeOf(engine.start())).toMatchObject(stopped);
    },
    twin: engineThat("takes its stop for an outage", (engine) => {
      let isStopped = false;
      const refuseStopped = (): void => {
        if (isStopped) throw new EngineUnavailable("accept", new Error("ECONNREFUSED"));
      };
      return {
        accept: async (call, options) => (refuseStopped(), await engine.accept(call, options)),
        start: async () => (refuseStopped(), await engine.start()),
        stop: () => {
          isStopped = true;
          return engine.stop();
        },
      };
    }),
  },

  "who follows a call is woken, to find out that it has stopped": {
    async run(trial) {
      await using own = await trial.makeOwn();
      const { engine } = own;
      const call = trial.newCall();
      await engine.accept(call);
      using wakes = trial.listen((wake) => engine.subscribe(call.id, wake));
      // Whatever the acceptance still has to tell has been told when a read was answered twice by then.
      await engine.read(call.id, trial.owner);
      const seen = wakes.count;
      await engine.stop();
      await wakes.beyond(seen, "the stop");
    },
    twin: engineThat("leaves its followers waiting", () => ({ subscribe: () => () => {} })),
  },

  "starting is shared, and stopping is safe to repeat": {
    async run(trial) {
      await using own = await trial.makeOwn();
      const { engine } = own;
      expect(await Promise.all([outcomeOf(engine.start()), outcomeOf(engine.start()), outcomeOf(engine.start())])).toEqual([
        done,
        done,
        done,
      ]);
      expect((await engine.accept(trial.newCall())).created).toBe(true);
      expect(await Promise.all([outcomeOf(engine.stop()), outcomeOf(engine.stop())])).toEqual([done, done]);
      expect(await outcomeOf(engine.stop())).toEqual(done);
    },
    twin: engineThat("cannot be stopped twice", (engine) => {
      let isStopped = false;
      return {
        stop: async () => {
          if (isStopped) throw new Error("stopped already");
          isStopped = true;
          await engine.stop();
        },
      };
    }),
  },

  "verbs under way when it stops end, one way or the other": {
    async run(trial) {
      await using own = await trial.makeOwn();
      const { engine } = own;
      const accepting = Array.from({ length: 50 }, () => outcomeOf(engine.accept(trial.newCall())));
      const stopping = engine.stop();
      for (const outcome of await Promise.all(accepting)) {
        if ("error" in outcome) expect(hasTag(outcome.error, "EngineUnavailable"), String(outcome.error)).toBe(true);
        else expect(outcome.value.created).toBe(true);
      }
      expect(await outcomeOf(stopping)).toEqual(done);
    },
    twin: engineThat("breaks verbs that are under way", (engine) => {
      let isStopped = false;
      return {
        accept: async (call, options) => {
          await Promise.resolve();
          if (isStopped) throw new TypeError("Cannot read properties of null (reading 'query')");
          return engine.accept(call, options);
        },
        stop: () => {
          isStopped = true;
          return engine.stop();
        },
      };
    }),
  },
});
