import type { CallId } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";

import { ann, t, testRaincheck } from "../test/support/harness.ts";
import { held, untilIdle } from "../test/support/held.ts";
import { followCalls } from "./follow-calls.ts";

const count = 60;
const reader = { principal: "ann" };

/** Follows so many calls with a cursor, and one without; what is read is noted, and waits until the test lets go of it. */
async function reconnect() {
  const { engine, raincheck } = testRaincheck();
  const procedure = raincheck.deferrable(t.procedure).mutation(() => "done");
  raincheck.bind(t.router({ procedure }));
  const known: CallId[] = [];
  for (let made = 0; made < count; made++) known.push((await raincheck.start(procedure, undefined, { ctx: ann })).id);
  const fresh = (await raincheck.start(procedure, undefined, { ctx: ann })).id;
  const goOn = held();
  const reads: CallId[] = [];
  const calls = {
    ...engine,
    events: async (...[id, after, who]: Parameters<typeof engine.events>) => {
      reads.push(id);
      await goOn.promise;
      return await engine.events(id, after, who);
    },
  };
  const cursors = [...known.map((id) => ({ id, after: 1 })), { id: fresh, after: 0 }];
  const following = followCalls(calls, { calls: cursors, reader }, new AbortController().signal);
  const cancel = (id: CallId) => engine.cancel(id, reader, "enough");
  return { following, reads, goOn, known, fresh, cancel };
}

describe("of many calls behind whose cursors perhaps nothing has happened", () => {
  test("those that are new, and those that are woken, are read before the others, and each once", async () => {
    const { following, reads, goOn, known, fresh, cancel } = await reconnect();
    const first = following.next();
    await untilIdle();
    expect(reads).toContain(fresh);
    expect(reads.length).toBeLessThan(count / 2);
    const woken = known.at(-1)!;
    await cancel(woken);
    goOn.resolve();
    expect((await first).value).toMatchObject({ id: fresh, event: { seq: 1 } });
    expect((await following.next()).value).toMatchObject({ id: woken, event: { type: "cancelled" } });
    expect(reads.length).toBeLessThan(count);
    const last = following.next();
    // Until all have been read.
    while (new Set(reads).size <= count) await untilIdle();
    await cancel(fresh);
    expect((await last).value).toMatchObject({ id: fresh, event: { type: "cancelled" } });
    expect(reads.filter((id) => known.includes(id))).toHaveLength(count);
    await following.return();
  });

  test("each of which something had happened before is told of", async () => {
    const { following, goOn, known, cancel } = await reconnect();
    goOn.resolve();
    for (const id of known) await cancel(id);
    const told: CallId[] = [];
    for await (const { id } of following) if (told.push(id) > count) break;
    expect(new Set(told).size).toBe(count + 1);
  });
});
