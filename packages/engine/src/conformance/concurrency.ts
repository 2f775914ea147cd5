import { expect } from "vitest";
import type { ClaimedCall } from "../claim-request.ts";
import type { Engine } from "../engine.ts";
import type { NewCall } from "../new-call.ts";
import { inTime } from "./not-in-time.ts";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import { longLeaseMs, type Trial } from "./trial.ts";

const succeeded = { type: "succeeded", output: "1" } as const;
const failure = { code: "E", message: "m" };

const knowsNoLimit = acceptingThat("knows no limit", () => ({ concurrency: null }));

/** What makes a call limited: on a path that no other test has. */
function limited(trial: Trial, concurrency: number, path = "limited"): Pick<NewCall, "path" | "concurrency"> {
  return { path: `${trial.queue}.${path}`, concurrency };
}

/** Calls whose procedure may run only so often at once. */
export const concurrencyTheme = defineTheme("concurrency", {
  "of a limited path no more run at once than its limit": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 20 }, () => trial.accept(limited(trial, 3))));
      const running = new Map<string, ClaimedCall>();
      const ended = new Set<string>();
      while (ended.size < ids.length) {
        // None is left to wait for when the last ones run already.
        const soon = ended.size + running.size < ids.length ? [await trial.claimSoon()] : [];
        const batches = await Promise.all(Array.from({ length: 10 }, () => trial.claim({ limit: 5 })));
        for (const call of [...soon, ...batches.flat()]) running.set(call.id, call);
        expect(running.size).toBeLessThanOrEqual(3);
        const [first] = running.values();
        await trial.engine.settle(first!, succeeded);
        running.delete(first!.id);
        ended.add(first!.id);
        if (running.size === 0) continue;
        const [second] = running.values();
        await trial.engine.settle(second!, succeeded);
        running.delete(second!.id);
        ended.add(second!.id);
      }
      expect([...ended].toSorted()).toEqual(ids.toSorted());
    },
    twin: knowsNoLimit,
  },

  "claims of two engines at once never exceed a limit": {
    async run(trial) {
      const engines = [trial.engine, await trial.open()] as const;
      // In one transaction, so that all come to the engines at the same moment.
      const ids = await trial.engine.transaction((transaction) =>
        Promise.all(Array.from({ length: 60 }, () => trial.engine.accept(trial.newCall(limited(trial, 4)), { transaction }))),
      );
      let running = 0;
      let most = 0;
      const ended = new Set<string>();
      await drain(trial, { engines: [...engines, ...engines, ...engines], calls: ids.length }, async (call, engine) => {
        running += 1;
        most = Math.max(most, running);
        // The others get the time to claim too many.
        await engine.report(call, "1");
        running -= 1;
        await engine.settle(call, succeeded);
        ended.add(`${call.id} ${call.attempt}`);
      });
      expect(most).toBeLessThanOrEqual(4);
      expect([...ended].toSorted()).toEqual(ids.map(({ id }) => `${id} 1`).toSorted());
    },
    twin: knowsNoLimit,
  },

  "200 calls of limit 1 run one after the other, each once": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 200 }, () => trial.accept(limited(trial, 1))));
      let running = 0;
      const ended: string[] = [];
      await drain(trial, { engines: [trial.engine, trial.engine, trial.engine], calls: ids.length }, async (call) => {
        running += 1;
        expect(running).toBe(1);
        await trial.engine.report(call, "1");
        running -= 1;
        await trial.engine.settle(call, succeeded);
        ended.push(call.id);
      });
      expect(ended.toSorted()).toEqual(ids.toSorted());
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: knowsNoLimit,
  },

  "limited calls begin by priority, then age": {
    async run(trial) {
      const accepted = [];
      // One after the other, as to their age.
      for (const priority of [0, -1000, 5, 0, 1000, 5, 0]) {
        accepted.push({ id: await trial.accept({ ...limited(trial, 1), priority }), priority });
      }
      const expected = accepted.toSorted((one, other) => other.priority - one.priority).map(({ id }) => id);
      const begun: string[] = [];
      while (begun.length < expected.length) {
        const call = await trial.claimSoon({ limit: 3 });
        begun.push(call.id);
        await trial.engine.settle(call, succeeded);
      }
      expect(begun).toEqual(expected);
    },
    twin: acceptingThat("knows no priority", () => ({ priority: 0 })),
  },

  "a path without room holds up no other": {
    async run(trial) {
      await Promise.all(Array.from({ length: 100 }, () => trial.accept({ ...limited(trial, 1), priority: 10 })));
      const others = await Promise.all(Array.from({ length: 5 }, () => trial.accept()));
      expect((await trial.claim()).map(({ path }) => path)).toEqual([limited(trial, 1).path]);
      expect((await trial.claim({ limit: 10 })).map(({ id }) => id).toSorted()).toEqual(others.toSorted());
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: engineThat("holds up a queue while a call of it waits for room", (engine) => {
      let claims = 0;
      return {
        claim: async (request) => {
          claims += 1;
          return claims === 1 ? engine.claim(request) : [];
        },
      };
    }),
  },

  "room is used again, however an attempt left it": {
    async run(trial) {
      const ways: Record<string, Way> = {
        success: { end: (attempt) => trial.engine.settle(attempt, succeeded) },
        failure: { end: (attempt) => trial.engine.settle(attempt, { type: "failed", failure }) },
        commit: { end: (attempt) => trial.engine.commit(attempt, async () => ({ value: null, output: "1" })) },
        retry: { end: (attempt) => trial.engine.settle(attempt, { type: "retrying", reason: "failed", failure, delayMs: 3_600_000 }) },
        handback: {
          end: (attempt) => trial.engine.settle(attempt, { type: "retrying", reason: "handed-back", failure: null, delayMs: 0 }),
          comesBack: true,
        },
        cancel: { end: (attempt) => trial.engine.cancel(attempt.id, trial.owner, null) },
        expiry: { given: { deadlineMs: 2_500 }, end: (attempt) => trial.until(attempt.id, "expired") },
        loss: { leaseMs: 2_000, end: (attempt) => trial.until(attempt.id, "queued"), comesBack: true },
      };
      await Promise.all(
        Object.entries(ways).map(async ([name, { given, leaseMs = longLeaseMs, end, comesBack = false }]) => {
          const queue = `${trial.queue}.${name}`;
          const call = { ...limited(trial, 1, name), queue };
          const first = await trial.accept({ ...call, ...given });
          const attempt = await trial.claimSoon({ queues: [queue], leaseMs });
          const second = await trial.accept(call);
          expect(await trial.claim({ queues: [queue], limit: 10 })).toEqual([]);
          await end(attempt);
          // The older one goes first, if it is there again.
          expect((await trial.claimSoon({ queues: [queue], limit: 10 })).id, name).toBe(comesBack ? first : second);
          expect(await trial.claim({ queues: [queue], limit: 10 }), name).toEqual([]);
        }),
      );
    },
    twin: engineThat("does not see that an attempt has ended", (engine) => {
      const begun = new Set<string>();
      return {
        claim: async (request) => {
          const calls = await engine.claim(request);
          const first = calls.filter(({ path }) => !begun.has(path));
          for (const { path } of calls) begun.add(path);
          return first;
        },
      };
    }),
  },

  "room that an attempt leaves wakes who waits for a call": {
    async run(trial) {
      const attempt = await trial.running(limited(trial, 1));
      await trial.accept(limited(trial, 1));
      expect(await trial.claim()).toEqual([]);
      using wakes = trial.listen((wake) => trial.engine.onRunnable([trial.queue], wake));
      await trial.engine.settle(attempt, succeeded);
      await wakes.beyond(0, "room");
    },
    twin: engineThat("loses the wakes of queues", () => ({ onRunnable: () => () => {} })),
  },

  "limits of different paths are independent": {
    async run(trial) {
      const paths = [limited(trial, 1, "one"), limited(trial, 2, "two")] as const;
      for (const path of [...paths, ...paths, ...paths]) await trial.accept(path);
      const claimed = await claimAll(trial, 3);
      const ofPath = (calls: readonly ClaimedCall[], index: 0 | 1): readonly ClaimedCall[] =>
        calls.filter(({ path }) => path === paths[index].path);
      expect([ofPath(claimed, 0).length, ofPath(claimed, 1).length]).toEqual([1, 2]);
      await trial.engine.settle(ofPath(claimed, 0)[0]!, succeeded);
      expect((await trial.claimSoon({ limit: 10 })).path).toBe(paths[0].path);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: acceptingThat("has one limit for all paths", ({ path }) => ({ path: path.replace(/one|two/, "all") })),
  },

  "a limit holds over all queues": {
    async run(trial) {
      const other = `${trial.queue}.other`;
      await trial.running(limited(trial, 2));
      const second = await trial.running({ ...limited(trial, 2), queue: other }, { queues: [other] });
      const here = await trial.accept(limited(trial, 2));
      const there = await trial.accept({ ...limited(trial, 2), queue: other });
      expect(await trial.claim({ queues: [trial.queue, other], limit: 10 })).toEqual([]);
      await trial.engine.settle(second, succeeded);
      // Whoever comes first: a claim takes from its own queues only.
      expect((await trial.claimSoon()).id).toBe(here);
      expect(await trial.claim({ queues: [trial.queue, other], limit: 10 })).toEqual([]);
      expect((await trial.read(there)).state).toBe("queued");
    },
    twin: acceptingThat("counts for each queue", ({ path, queue }) => ({ path: `${path} of ${queue}` })),
  },

  "the call that is to begin says how many may run": {
    async run(trial) {
      const ids = [];
      for (const concurrency of [3, 3, 1, 3]) ids.push(await trial.accept(limited(trial, concurrency)));
      const [first, second] = await claimAll(trial, 2);
      expect([first?.id, second?.id]).toEqual(ids.slice(0, 2));
      // The third begins alone, and the fourth not before it.
      expect(await trial.claim({ limit: 10 })).toEqual([]);
      await trial.engine.settle(first!, succeeded);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
      await trial.engine.settle(second!, succeeded);
      expect((await claimAll(trial, 2)).map(({ id }) => id)).toEqual(ids.slice(2));
    },
    twin: acceptingThat("knows one limit", () => ({ concurrency: 3 })),
  },

  "who waits behind a call that needs more room goes on when that one is cancelled": {
    async run(trial) {
      await trial.running(limited(trial, 3));
      const narrow = await trial.accept(limited(trial, 1));
      const wide = await trial.accept(limited(trial, 3));
      expect(await trial.claim({ limit: 10 })).toEqual([]);
      using wakes = trial.listen((wake) => trial.engine.onRunnable([trial.queue], wake));
      await trial.engine.cancel(narrow, trial.owner, null);
      await wakes.beyond(0, "room");
      expect((await trial.claimSoon()).id).toBe(wide);
    },
    twin: engineThat("loses the wakes of queues", () => ({ onRunnable: () => () => {} })),
  },

  "a call without a limit neither waits for the limited ones of its path nor counts for them": {
    async run(trial) {
      const { path } = limited(trial, 1);
      await trial.running({ path });
      await trial.running(limited(trial, 1));
      await trial.running({ path });
      await trial.accept(limited(trial, 1));
      expect(await trial.claim({ limit: 10 })).toEqual([]);
    },
    twin: acceptingThat("limits every call", () => ({ concurrency: 2 })),
  },

  "a call that waits for room can be cancelled, and expires": {
    async run(trial) {
      const attempt = await trial.running(limited(trial, 1));
      const cancelled = await trial.accept(limited(trial, 1));
      const expired = await trial.accept({ ...limited(trial, 1), startByMs: 300 });
      const last = await trial.accept(limited(trial, 1));
      expect(await trial.claim()).toEqual([]);
      expect(await trial.engine.cancel(cancelled, trial.owner, "enough")).toEqual({ cancelled: true, state: "cancelled" });
      expect((await trial.until(expired, "expired")).failure?.code).toBe("START_BY_PASSED");
      await trial.engine.settle(attempt, succeeded);
      expect((await trial.claimSoon({ limit: 10 })).id).toBe(last);
      expect(await trial.claim({ limit: 10 })).toEqual([]);
      expect(await trial.history(cancelled)).toEqual(["queued", "cancelled"]);
      expect(await trial.history(expired)).toEqual(["queued", "expired"]);
    },
    twin: acceptingThat("lets nothing expire that waits", () => ({ startByMs: null })),
  },

  "delayed calls wait for room when they are due": {
    async run(trial) {
      const delayMs = 200;
      const ids = [];
      for (let index = 0; index < 3; index += 1) ids.push(await trial.accept({ ...limited(trial, 1), delayMs }));
      // When this one can be claimed the others are due.
      const mark = await trial.accept({ delayMs, queue: `${trial.queue}.mark` });
      expect((await trial.claimSoon({ queues: [`${trial.queue}.mark`] })).id).toBe(mark);
      for (const id of ids) {
        const call = await trial.claimSoon({ limit: 10 });
        expect(call.id).toBe(id);
        expect(await trial.claim({ limit: 10 })).toEqual([]);
        await trial.engine.settle(call, succeeded);
      }
    },
    twin: knowsNoLimit,
  },

  "calls accepted in a transaction wait for room": {
    async run(trial) {
      const ids: string[] = [];
      await trial.engine.transaction(async (transaction) => {
        for (let index = 0; index < 3; index += 1) {
          const call = trial.newCall(limited(trial, 1));
          ids.push((await trial.engine.accept(call, { transaction })).id);
        }
      });
      const begun: string[] = [];
      while (begun.length < ids.length) {
        const call = await trial.claimSoon({ limit: 10 });
        begun.push(call.id);
        expect(await trial.claim({ limit: 10 })).toEqual([]);
        await trial.engine.settle(call, succeeded);
      }
      expect(begun.toSorted()).toEqual(ids.toSorted());
    },
    twin: knowsNoLimit,
  },
});

/** A way for an attempt to leave its room. */
interface Way {
  readonly given?: Partial<NewCall>;
  readonly leaseMs?: number;
  readonly end: (attempt: ClaimedCall) => Promise<unknown>;
  /** Whether its call is in the queue again. */
  readonly comesBack?: boolean;
}

/** Claims until there are so many, and then once more, so that there would be one too many. */
async function claimAll(trial: Trial, count: number): Promise<readonly ClaimedCall[]> {
  const claimed: ClaimedCall[] = [];
  while (claimed.length < count) {
    using wakes = trial.listen((wake) => trial.engine.onRunnable([trial.queue], wake));
    const calls = await trial.claim({ limit: 10 });
    claimed.push(...calls);
    if (calls.length === 0) await wakes.beyond(0, `call ${claimed.length + 1} of ${count}`);
  }
  claimed.push(...(await trial.claim({ limit: 10 })));
  expect(claimed).toHaveLength(count);
  return claimed;
}

/**
 * Works off the test's queue with one worker for each engine given, which claims when it is woken and never polls.
 *
 * @throws {NotInTime} when it takes longer than three times the trial's patience.
 */
async function drain(
  trial: Trial,
  { engines, calls }: { readonly engines: readonly Engine[]; readonly calls: number },
  work: (call: ClaimedCall, engine: Engine) => Promise<void>,
): Promise<void> {
  const done = Promise.withResolvers<void>();
  let left = calls;
  const workers = engines.map(async (engine) => {
    let woken = Promise.withResolvers<void>();
    const unsubscribe = engine.onRunnable([trial.queue], () => woken.resolve());
    try {
      while (left > 0) {
        woken = Promise.withResolvers();
        const claimed = await trial.claim({ limit: 2 }, engine);
        await Promise.all(claimed.map((call) => work(call, engine)));
        left -= claimed.length;
        if (left <= 0) done.resolve();
        else if (claimed.length === 0) await Promise.race([woken.promise, done.promise]);
      }
    } finally {
      unsubscribe();
    }
  });
  try {
    await inTime(Promise.all(workers), `the end of ${calls} calls`, 3 * trial.patienceMs);
  } finally {
    left = 0;
    done.resolve();
    await Promise.allSettled(workers);
  }
}
