import { expect } from "vitest";
import type { EventPage } from "../call-record.ts";
import type { Engine } from "../engine.ts";
import { checkEvents } from "./check-call.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { outcomeOf, type Trial } from "./trial.ts";

function changingPages(change: (page: EventPage, after: number) => EventPage): (engine: Engine) => Pick<Engine, "events"> {
  return (engine) => ({
    events: async (id, after, reader) => {
      const page = await engine.events(id, after, reader);
      return page === null ? null : change(page, after);
    },
  });
}

/** The numbered facts of a call. */
export const eventsTheme = defineTheme("events", {
  "a whole life is told without a gap": {
    async run(trial) {
      const first = await trial.running();
      await trial.engine.report(first, "1");
      await trial.engine.report(first, "2");
      await trial.engine.settle(first, { type: "retrying", reason: "timed-out", failure: { code: "TIMED_OUT", message: "m" }, delayMs: 0 });
      const second = await trial.claimSoon();
      await trial.engine.report(second, "3");
      await trial.engine.settle(second, { type: "succeeded", output: "4" });
      const events = await trial.events(first.id);
      checkEvents(events);
      expect(events.map((event) => event.type)).toEqual([
        "queued",
        "started",
        "progress",
        "progress",
        "retrying",
        "started",
        "progress",
        "succeeded",
      ]);
    },
    twin: engineThat(
      "numbers with gaps",
      changingPages(({ lastSeq, events }) => ({ lastSeq, events: events.map((event) => ({ ...event, seq: event.seq * 2 - 1 })) })),
    ),
  },

  "a cursor gives what is behind it": {
    async run(trial) {
      const attempt = await trial.running();
      await trial.engine.report(attempt, "1");
      await trial.engine.settle(attempt, { type: "succeeded", output: "2" });
      const all = await trial.events(attempt.id);
      expect(all).toHaveLength(4);
      for (let after = 0; after <= all.length; after += 1) {
        expect(await trial.engine.events(attempt.id, after, trial.owner)).toEqual({ lastSeq: all.length, events: all.slice(after) });
      }
    },
    twin: engineThat("repeats the event at the cursor", (engine) => ({
      events: (id, after, reader) => engine.events(id, Math.max(0, after - 1), reader),
    })),
  },

  "a cursor that is not the call's gives nothing, and shows by how much": {
    async run(trial) {
      const id = await trial.accept();
      for (const after of [2, 1_000, 2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
        expect(await trial.engine.events(id, after, trial.owner)).toEqual({ lastSeq: 1, events: [] });
      }
    },
    twin: engineThat(
      "says what it is asked",
      changingPages(({ lastSeq, events }, after) => ({ lastSeq: Math.max(lastSeq, after), events })),
    ),
  },

  "reads at once each get their own events": {
    async run(trial) {
      const attempts = [];
      for (let index = 0; index < 10; index += 1) attempts.push(await trial.running());
      await Promise.all(attempts.map((attempt, index) => trial.engine.report(attempt, String(index))));
      const reads = attempts.flatMap(({ id }, index) =>
        [0, 1, 2, 3].map(async (after) => {
          const page = await trial.engine.events(id, after, trial.owner);
          expect(page?.lastSeq).toBe(3);
          expect(page?.events.map((event) => event.seq)).toEqual([1, 2, 3].slice(after));
          if (after < 3) expect(page?.events.at(-1)).toMatchObject({ type: "progress", value: String(index) });
        }),
      );
      await Promise.all(reads);
    },
    twin: engineThat("answers reads at once with one page", (engine) => {
      let shared: ReturnType<Engine["events"]> | null = null;
      return {
        events: async (id, after, reader) => {
          shared ??= engine.events(id, after, reader);
          const page = await shared;
          shared = null;
          return page;
        },
      };
    }),
  },

  "many events are told in order, by as many pages as it takes": {
    async run(trial) {
      const attempt = await trial.running();
      const values = Array.from({ length: 1_200 }, (_, index) => String(index));
      for (let from = 0; from < values.length; from += 100) {
        await Promise.all(values.slice(from, from + 100).map((value) => trial.engine.report(attempt, value)));
      }
      const events = await trial.events(attempt.id);
      checkEvents(events);
      const told = events.flatMap((event) => (event.type === "progress" ? [event.value] : []));
      expect(told.at(-1)).toBe((await trial.read(attempt.id)).progress);
      expect(told.toSorted()).toEqual(values.toSorted());
    },
    twin: engineThat(
      "cuts the first page and goes on behind it",
      changingPages(({ lastSeq, events }) => ({ lastSeq, events: events.toSpliced(500, 1) })),
    ),
  },

  "whoever reads while others write sees a prefix": {
    async run(trial) {
      const attempt = await trial.running();
      const readers = Array.from({ length: 5 }, () => readUntilEnd(trial, attempt.id));
      const writing = (async () => {
        for (let index = 0; index < 100; index += 1) await trial.engine.report(attempt, String(index));
        await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      })();
      const outcomes = await Promise.all([writing, ...readers].map(outcomeOf));
      for (const outcome of outcomes) if ("error" in outcome) throw outcome.error;
      expect(await trial.events(attempt.id)).toHaveLength(103);
    },
    twin: engineThat("shows a later event before an earlier one", (engine) => {
      return changingPages(({ lastSeq, events }) => ({ lastSeq, events: events.length === 1 ? events : events.slice(1) }))(engine);
    }),
  },
});

/** Reads on and on; each page must begin where the last one ended. */
async function readUntilEnd(trial: Trial, id: string): Promise<void> {
  let seen = 0;
  for (;;) {
    const page = await trial.engine.events(id, seen, trial.owner);
    const events = page?.events ?? [];
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => seen + index + 1));
    seen += events.length;
    if (events.at(-1)?.type === "succeeded") return;
  }
}
