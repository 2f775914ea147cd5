import { expect } from "vitest";
import type { Settlement } from "../attempt.ts";
import type { StoredEvent } from "../call-record.ts";
import { defineTheme, engineThat } from "./theme.ts";

const retried: Settlement = { type: "retrying", reason: "failed", failure: { code: "E", message: "again" }, delayMs: 0 };

/** What was yielded, as `attempt:value`. */
function yielded(events: readonly StoredEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === "yielded" ? [`${event.attempt}:${event.value}`] : []));
}

/** A running attempt yields. */
export const appendTheme = defineTheme("append", {
  "each value is an event, in order, equal ones too, and the progress stays what it is": {
    async run(trial) {
      const attempt = await trial.running();
      await trial.engine.report(attempt, "50");
      expect(await trial.engine.append(attempt, { after: 0, values: ["1", "1"] })).toBe("settled");
      expect(await trial.engine.append(attempt, { after: 2, values: ["1"] })).toBe("settled");
      expect(await trial.engine.append(attempt, { after: 3, values: [] })).toBe("settled");
      expect(await trial.engine.append(attempt, { after: 3, values: ["3", "2"] })).toBe("settled");
      expect(yielded(await trial.events(attempt.id))).toEqual(["1:1", "1:1", "1:1", "1:3", "1:2"]);
      expect(await trial.read(attempt.id)).toMatchObject({ state: "running", seq: 8, progress: "50" });
      await trial.engine.settle(attempt, { type: "succeeded", output: "4" });
      expect((await trial.events(attempt.id)).at(-1)).toMatchObject({ type: "succeeded", seq: 9 });
    },
    twin: engineThat("turns a batch round", (engine) => ({
      append: (attempt, { after, values }) => engine.append(attempt, { after, values: values.toReversed() }),
    })),
  },

  "a batch that comes again, in whole or as a part, is written once": {
    async run(trial) {
      const attempt = await trial.running();
      const batches = [
        { after: 0, values: ["1", "2"] },
        { after: 0, values: ["1", "2"] },
        { after: 1, values: ["2", "3"] },
        { after: 0, values: ["1", "2", "3", "4"] },
        { after: 1, values: ["2"] },
      ];
      for (const batch of batches) expect(await trial.engine.append(attempt, batch)).toBe("settled");
      expect(yielded(await trial.events(attempt.id))).toEqual(["1:1", "1:2", "1:3", "1:4"]);
    },
    twin: engineThat("writes whatever comes", (engine) => {
      let written = 0;
      return {
        async append(attempt, { values }) {
          const result = await engine.append(attempt, { after: written, values });
          written += values.length;
          return result;
        },
      };
    }),
  },

  "a batch that comes to two engines at once is written once": {
    async run(trial) {
      const attempt = await trial.running();
      const other = await trial.open();
      const values = Array.from({ length: 50 }, (_, index) => String(index));
      const batch = { after: 0, values };
      const results = await Promise.all([
        trial.engine.append(attempt, batch),
        trial.engine.append(attempt, { after: 0, values: values.slice(0, 20) }),
        other.append(attempt, batch),
      ]);
      expect(results).toEqual(["settled", "settled", "settled"]);
      expect(yielded(await trial.events(attempt.id))).toEqual(values.map((value) => `1:${value}`));
      await other.stop();
    },
    twin: engineThat("writes the shorter of two batches alone", (engine) => ({
      append: (attempt, { after, values }) => engine.append(attempt, { after, values: values.slice(0, 20) }),
    })),
  },

  "what leaves values out is refused, and harms nobody else": {
    async run(trial) {
      const [attempt, neighbour] = [await trial.running(), await trial.running()];
      await trial.engine.append(attempt, { after: 0, values: ["1"] });
      const [refused, taken] = await Promise.allSettled([
        trial.engine.append(attempt, { after: 2, values: ["3"] }),
        trial.engine.append(neighbour, { after: 0, values: ["a"] }),
      ]);
      expect(refused).toMatchObject({ status: "rejected", reason: { _tag: "YieldsMissing" } });
      expect(taken).toEqual({ status: "fulfilled", value: "settled" });
      expect(await trial.engine.append(attempt, { after: 1, values: ["2"] })).toBe("settled");
      expect(yielded(await trial.events(attempt.id))).toEqual(["1:1", "1:2"]);
      expect(yielded(await trial.events(neighbour.id))).toEqual(["1:a"]);
    },
    twin: engineThat("leaves a gap", (engine) => ({
      append: (attempt, { after, values }) => engine.append(attempt, { after: Math.min(after, 1), values }),
    })),
  },

  "each attempt counts its own, and its events carry its number": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.append(first, { after: 0, values: ["a", "b"] });
      await trial.engine.settle(first, retried);
      const second = await trial.claimSoon();
      expect(await trial.engine.append(second, { after: 0, values: ["a"] })).toBe("settled");
      expect(await trial.engine.append(second, { after: 1, values: ["c"] })).toBe("settled");
      expect(yielded(await trial.events(first.id))).toEqual(["1:a", "1:b", "2:a", "2:c"]);
    },
    twin: engineThat("counts on through the attempts", (engine) => ({
      append: (attempt, { after, values }) =>
        attempt.attempt === 1 ? engine.append(attempt, { after, values }) : Promise.resolve("settled"),
    })),
  },

  "what attempts append that do not run is stale": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.settle(first, retried);
      expect(await trial.engine.append(first, { after: 0, values: ["1"] })).toBe("stale");
      const second = await trial.claimSoon();
      expect(await trial.engine.append(first, { after: 0, values: ["1"] })).toBe("stale");
      await trial.engine.cancel(first.id, trial.owner, null);
      expect(await trial.engine.append(second, { after: 0, values: ["1"] })).toBe("stale");
      expect(await trial.history(first.id)).toEqual(["queued", "started", "retrying", "started", "cancelled"]);
    },
    twin: engineThat("does not say what is stale", (engine) => ({
      append: async (attempt, yields) => {
        await engine.append(attempt, yields);
        return "settled";
      },
    })),
  },

  "many attempts append at once, and each has its own": {
    async run(trial) {
      const attempts = [];
      for (let index = 0; index < 10; index += 1) attempts.push(await trial.running());
      for (let after = 0; after < 40; after += 10) {
        const appended = attempts.map((attempt, index) =>
          trial.engine.append(attempt, { after, values: Array.from({ length: 10 }, (_, place) => `${index}.${after + place}`) }),
        );
        expect(new Set(await Promise.all(appended))).toEqual(new Set(["settled"]));
      }
      for (const [index, { id }] of attempts.entries()) {
        expect(yielded(await trial.events(id))).toEqual(Array.from({ length: 40 }, (_, place) => `1:${index}.${place}`));
      }
    },
    twin: engineThat("writes the first of a batch for all of it", (engine) => ({
      append: (attempt, { after, values }) => engine.append(attempt, { after, values: values.map(() => values[0]!) }),
    })),
  },

  "a page of events stays small, whatever they hold": {
    async run(trial) {
      const attempt = await trial.running();
      const values = Array.from({ length: 40 }, (_, index) => `${index}:${"x".repeat(60_000)}`);
      for (let after = 0; after < 40; after += 4) await trial.engine.append(attempt, { after, values: values.slice(after, after + 4) });
      const page = await trial.engine.events(attempt.id, 2, trial.owner);
      const bytes = (page?.events ?? []).reduce((sum, event) => sum + (event.type === "yielded" ? event.value.length : 0), 0);
      expect(bytes).toBeGreaterThan(60_000);
      expect(bytes).toBeLessThan(500_000);
      expect(page?.lastSeq).toBe(42);
      expect(yielded(await trial.events(attempt.id))).toEqual(values.map((value) => `1:${value}`));
    },
    twin: engineThat("fills a page by count alone", (engine) => ({
      async events(id, after, reader) {
        const whole = await engine.events(id, after, reader);
        const events = [...(whole?.events ?? [])];
        for (let page = whole; page !== null && page.events.length > 0; page = await engine.events(id, after + events.length, reader))
          if (page !== whole) events.push(...page.events);
        return whole === null ? null : { ...whole, events };
      },
    })),
  },
});
