import { expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

const once = { retry: { attempts: 1 } } as const;

test("each attempt ends at its own limit, whichever began first", async () => {
  const slow = { policy: { ...once, timeout: "5 minutes" } as const, run: () => new Promise(() => {}) };
  const quick = { policy: { ...once, timeout: "1 minute" } as const, run: () => new Promise(() => {}) };
  await using under = await workerUnderTest({ procedures: { slow, quick } });
  const first = await under.call("slow");
  await settled();
  const second = await under.call("quick");
  await settled();
  const third = await under.call("slow", { deadlineMs: 30_000 });

  await under.time.advance(29_999);
  expect((await under.when(third, () => true)).state).toBe("running");
  await under.time.advance(2);
  expect((await under.when(third, () => true)).state).toBe("expired");
  expect((await under.when(second, () => true)).state).toBe("running");
  await under.time.advance(30_000);
  expect(await under.when(second, () => true)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
  expect((await under.when(first, () => true)).state).toBe("running");
  await under.time.advance(4 * 60_000);
  expect(await under.when(first, () => true)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
});

test("a limit passes unseen when its attempt has ended, and the next is kept", async () => {
  const held = new HeldProcedure({ ...once, timeout: "1 minute" });
  await using under = await workerUnderTest({ procedures: { held } });
  const first = await under.call("held");
  const run = await held.next();
  await under.time.advance(50_000);
  const second = await under.call("held");
  await settled();
  run.succeed();
  expect((await under.whenEnded(first)).state).toBe("succeeded");
  await under.time.advance(59_999);
  expect((await under.when(second, () => true)).state).toBe("running");
  await under.time.advance(2);
  expect(await under.when(second, () => true)).toMatchObject({ state: "failed", failure: { code: "TIMED_OUT" } });
  expect(under.worker.status().outcomes).toMatchObject({ succeeded: 1, "timed-out": 1 });
});
