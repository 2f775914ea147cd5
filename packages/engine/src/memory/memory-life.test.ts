import { limits } from "@raincheck/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { claim, newCall, reader, timed } from "../../test/timed-engine.ts";
import { checkCall } from "../conformance/index.ts";
import type { ClaimedCall } from "../claim-request.ts";

const step = fc.oneof(
  fc.record({
    act: fc.constant("accept" as const),
    delayMs: fc.constantFrom(0, 30),
    startByMs: fc.constantFrom(null, null, 20),
    deadlineMs: fc.constantFrom(null, 60),
    retentionMs: fc.constantFrom(100, 10_000),
  }),
  fc.record({ act: fc.constant("claim" as const), limit: fc.nat({ max: 3 }), leaseMs: fc.constantFrom(20, 60) }),
  fc.record({ act: fc.constant("extend" as const), which: fc.nat() }),
  fc.record({ act: fc.constant("report" as const), which: fc.nat() }),
  fc.record({ act: fc.constant("retry" as const), which: fc.nat(), delayMs: fc.constantFrom(0, 25) }),
  { weight: 2, arbitrary: fc.record({ act: fc.constant("succeed" as const), which: fc.nat() }) },
  fc.record({ act: fc.constant("cancel" as const), which: fc.nat() }),
  fc.record({ act: fc.constant("pass" as const), ms: fc.nat({ max: 40 }), silently: fc.boolean() }),
);

test(
  "whatever happens in whatever order, every call's events are a life, its record says what they add up to, and in the end it ends",
  { timeout: 60_000 },
  async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50, size: "max" }), async (steps) => {
        const { engine, clock } = timed();
        const ids: string[] = [];
        const attempts: ClaimedCall[] = [];
        const ends = new Set<string>();
        const records = new Map<string, string>();
        /** Checks every call that has changed since the last time. */
        async function checkChanged(): Promise<void> {
          for (const id of ids) {
            const record = await engine.read(id, reader);
            const shown = JSON.stringify(record);
            if (records.get(id) === shown) continue;
            records.set(id, shown);
            expect(ends.has(id), "what has ended does not change, but is removed").toBe(record === null);
            if (record === null) continue;
            checkCall(record, (await engine.events(id, 0, reader))?.events ?? []);
            seen.add(record.failure?.code ?? record.state);
            if (record.endedAt !== null) ends.add(id);
          }
        }
        for (const one of steps) {
          if (one.act === "accept") {
            const { act: _act, ...given } = one;
            ids.push((await engine.accept(newCall(given))).id);
          } else if (one.act === "claim") {
            attempts.push(...(await claim(engine, one.limit, one.leaseMs)));
          } else if (one.act === "pass") {
            if (one.silently) clock.advanceSilently(one.ms);
            else clock.advance(one.ms);
          } else if (one.act === "cancel") {
            await engine.cancel(ids[one.which % ids.length] ?? "", reader, null);
          } else {
            // The latest ones most often: the others have ended.
            const attempt = attempts.at(-1 - (one.which % 3)) ?? { id: "", attempt: 1 };
            if (one.act === "extend") await engine.extend([attempt], 60);
            else if (one.act === "report") await engine.report(attempt, String(one.which));
            else if (one.act === "succeed") await engine.settle(attempt, { type: "succeeded", output: "1" });
            else await engine.settle(attempt, { type: "retrying", reason: "failed", failure: null, delayMs: one.delayMs });
          }
          expect(clock.timersMs.length).toBeLessThanOrEqual(1);
          await checkChanged();
        }
        // Workers that only die: each call is poison before long, or expires.
        for (let round = 0; round <= 3 * limits.crashes; round += 1) {
          await claim(engine, 100, 20);
          clock.advance(30);
          await checkChanged();
        }
        expect(new Set(ids)).toEqual(ends);
        clock.advance(10_000);
        for (const id of ids) expect(await engine.read(id, reader)).toBeNull();
        expect(clock.timersMs).toEqual([]);
      }),
      { numRuns: 100 },
    );
    // What was tried reached all of it.
    expect(seen).toEqual(new Set(["queued", "running", "succeeded", "cancelled", "START_BY_PASSED", "DEADLINE_PASSED", "POISON"]));
  },
);
