import { isTerminal } from "@raincheck/protocol";
import { expect } from "vitest";
import type { StoredEvent } from "../call-record.ts";
import type { Engine } from "../engine.ts";
import { checkEvents } from "./check-call.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { newCallId, type Trial } from "./trial.ts";

const losesWakesOfCalls = engineThat("loses the wakes of calls", () => ({ subscribe: () => () => {} }));
const losesWakesOfQueues = engineThat("loses the wakes of queues", () => ({ onRunnable: () => () => {} }));

/** Wakes of a queue are lost unless the call comes new into it. */
function wakesForNewCallsOnly(engine: Engine): Pick<Engine, "accept" | "onRunnable"> {
  const wakes = new Set<() => void>();
  return {
    accept: async (call, options) => {
      const acceptance = await engine.accept(call, options);
      if (call.delayMs === 0) for (const wake of wakes) wake();
      return acceptance;
    },
    onRunnable: (_queues, wake) => {
      wakes.add(wake);
      return () => wakes.delete(wake);
    },
  };
}

/** Changes are heard of. */
export const wakeTheme = defineTheme("wake", {
  "every change of a call wakes its subscribers": {
    async run(trial) {
      const id = newCallId();
      using one = trial.listen((wake) => trial.engine.subscribe(id, wake));
      using other = trial.listen((wake) => trial.engine.subscribe(id, wake));
      async function wakesAt(what: string, act: () => Promise<unknown>): Promise<void> {
        const seen = [one.count, other.count] as const;
        await act();
        await Promise.all([one.beyond(seen[0], what), other.beyond(seen[1], what)]);
      }
      const { engine } = trial;
      // Before there is a call: a subscriber may be early.
      await wakesAt("acceptance", () => engine.accept(trial.newCall({ id })));
      const attempt = { id, attempt: 1 };
      await wakesAt("start", () => trial.claimSoon());
      await wakesAt("progress", () => engine.report(attempt, "1"));
      await wakesAt("retry", () => engine.settle(attempt, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 }));
      await wakesAt("second start", () => trial.claimSoon());
      await wakesAt("commit", () => engine.commit({ id, attempt: 2 }, async () => ({ value: null, output: "1" })));
    },
    twin: losesWakesOfCalls,
  },

  "each way to end wakes a call's subscribers": {
    async run(trial) {
      const cancelled = await trial.accept();
      const expired = await trial.accept({ deadlineMs: 300 });
      const lost = await trial.running({ priority: 1 }, { leaseMs: 200 });
      const failed = await trial.running({ priority: 2 });
      const ending = [
        trial.until(cancelled, "cancelled"),
        trial.until(expired, "expired"),
        trial.until(lost.id, "queued"),
        trial.until(failed.id, "failed"),
      ];
      await trial.engine.cancel(cancelled, trial.owner, null);
      await trial.engine.settle(failed, { type: "failed", failure: { code: "E", message: "m" } });
      await Promise.all(ending);
    },
    twin: losesWakesOfCalls,
  },

  "no end is told only as a change after which the call goes on": {
    async run(trial) {
      const { engine } = trial;
      const succeeded = await trial.running();
      const committed = await trial.running();
      const cancelled = await trial.accept();
      const expired = await trial.accept({ deadlineMs: 300 });
      const ends = [succeeded.id, committed.id, cancelled, expired].map((id) => ({
        id,
        wakes: trial.listen((wake) =>
          engine.subscribe(id, (hint) => {
            if (hint === "unknown") wake();
          }),
        ),
      }));
      using _listening = { [Symbol.dispose]: () => ends.forEach(({ wakes }) => wakes[Symbol.dispose]()) };
      const ending = ends.map(async ({ id, wakes }) => {
        for (;;) {
          const seen = wakes.count;
          if (isTerminal((await trial.read(id)).state)) return;
          await wakes.beyond(seen, "the end");
        }
      });
      await engine.report(succeeded, "1");
      await engine.settle(succeeded, { type: "succeeded", output: "1" });
      await engine.commit(committed, async () => ({ value: null, output: "1" }));
      await engine.cancel(cancelled, trial.owner, null);
      await Promise.all(ending);
    },
    twin: engineThat("says of every change that the call goes on", (engine) => ({
      subscribe: (id, wake) => engine.subscribe(id, () => wake("open")),
    })),
  },

  "who has unsubscribed hears no more, and the others do": {
    async run(trial) {
      const attempt = await trial.running();
      using gone = trial.listen((wake) => trial.engine.subscribe(attempt.id, wake));
      using there = trial.listen((wake) => trial.engine.subscribe(attempt.id, wake));
      gone[Symbol.dispose]();
      const heard = gone.count;
      const seen = there.count;
      await trial.engine.settle(attempt, { type: "succeeded", output: "1" });
      await there.beyond(seen, "success");
      // Unsubscribing twice is nothing new.
      gone[Symbol.dispose]();
      expect(gone.count).toBe(heard);
    },
    twin: engineThat("cannot unsubscribe", (engine) => ({
      subscribe: (id, wake) => {
        engine.subscribe(id, wake);
        return () => {};
      },
    })),
  },

  "a queue's subscribers are woken by a new call": {
    async run(trial) {
      using wakes = trial.listen((wake) => trial.engine.onRunnable([`${trial.queue}.other`, trial.queue], wake));
      await trial.accept();
      await wakes.beyond(0, "a new call");
    },
    twin: losesWakesOfQueues,
  },

  "a queue's subscribers are woken when a delay has passed": {
    async run(trial) {
      const id = await trial.accept({ delayMs: 200 });
      expect((await trial.claimSoon()).id).toBe(id);
    },
    twin: engineThat("wakes for new calls only", wakesForNewCallsOnly),
  },

  "a queue's subscribers are woken by a retry and by a hand-back": {
    async run(trial) {
      for (const reason of ["failed", "handed-back"] as const) {
        const attempt = await trial.running();
        using wakes = trial.listen((wake) => trial.engine.onRunnable([trial.queue], wake));
        await trial.engine.settle(attempt, { type: "retrying", reason, failure: null, delayMs: 0 });
        await wakes.beyond(0, reason);
        await trial.engine.cancel(attempt.id, trial.owner, null);
      }
    },
    twin: engineThat("wakes for new calls only", wakesForNewCallsOnly),
  },

  "a queue's subscribers are woken by a lost lease": {
    async run(trial) {
      const { id } = await trial.running({}, { leaseMs: 200 });
      expect(await trial.claimSoon()).toMatchObject({ id, attempt: 2 });
    },
    twin: engineThat("wakes for new calls only", wakesForNewCallsOnly),
  },

  "whoever subscribes, reads and follows sees every event once, in order": {
    async run(trial) {
      await Promise.all(Array.from({ length: 20 }, (_, index) => followOne(trial, index)));
    },
    twin: losesWakesOfCalls,
  },
});

/** Begins to follow a call at some moment of its life. */
async function followOne(trial: Trial, moment: number): Promise<void> {
  const { engine } = trial;
  const queue = `${trial.queue}.${moment}`;
  const id = newCallId();
  const steps: (() => Promise<unknown>)[] = [
    () => engine.accept(trial.newCall({ id, queue })),
    () => trial.claimSoon({ queues: [queue] }),
    () => engine.report({ id, attempt: 1 }, "1"),
    () => engine.settle({ id, attempt: 1 }, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 }),
    () => trial.claimSoon({ queues: [queue] }),
    () => engine.report({ id, attempt: 2 }, "2"),
    () => engine.settle({ id, attempt: 2 }, { type: "succeeded", output: "3" }),
  ];
  const before = moment % steps.length;
  for (const step of steps.slice(0, before)) await step();
  const following = follow(trial, id);
  for (const step of steps.slice(before)) await step();
  const events = await following;
  checkEvents(events);
  expect(events).toEqual(await trial.events(id));
}

async function follow(trial: Trial, id: string): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  using wakes = trial.listen((wake) => trial.engine.subscribe(id, wake));
  for (;;) {
    const seen = wakes.count;
    const page = await trial.engine.events(id, events.length, trial.owner);
    events.push(...(page?.events ?? []));
    if (events.at(-1)?.type === "succeeded") return events;
    await wakes.beyond(seen, `event ${events.length + 1} of call ${id}`);
  }
}
