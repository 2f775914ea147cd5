/** A rolling deploy: workers of the release before and of the one after it, each a process of its own, on one ledger. */
import { describe, expect, test } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { makeApplication } from "./application.ts";
import { spawn } from "./spawn.ts";

/** A schema, and the new release's API on it. */
async function deployed() {
  await using opening = new AsyncDisposableStack();
  const { url, name: schema } = opening.use(await testSchema());
  const api = makeApplication("new", { url, schema });
  opening.defer(() => api.engine.stop());
  await api.engine.start();
  const opened = opening.move();
  return { ...api, place: { url, schema }, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

describe("during a rolling deploy", () => {
  test("the old worker leaves what only the new one has, and goes on with what both have", async () => {
    await using app = await deployed();
    const { raincheck, router } = app;
    await using _old = await spawn({ role: "worker", release: "old", place: app.place });
    const added = await Promise.all(Array.from({ length: 60 }, (_, input) => raincheck.start(router.added, input, { ctx: {} })));
    const both = await Promise.all(Array.from({ length: 20 }, (_, input) => raincheck.start(router.report, input, { ctx: {} })));
    for (const [input, handle] of both.entries()) expect(await handle.result()).toEqual({ input, release: "old" });
    for (const handle of added) expect((await handle.get()).state).not.toBe("failed");

    await using _new = await spawn({ role: "worker", release: "new", place: app.place });
    for (const [input, handle] of added.entries()) {
      // No more than the one look that the old worker took before it knew.
      expect(await handle.result()).toEqual({
        input,
        release: "new",
        attempt: expect.toSatisfy((attempt) => attempt === 1 || attempt === 2),
      });
    }
    expect((await raincheck.start(router.added, 7, { ctx: {} }).then((handle) => handle.result())).release).toBe("new");
  });

  test("what nobody has fails as UNKNOWN_PROCEDURE after the limit, told to whoever waits", async () => {
    await using app = await deployed();
    const { raincheck, router } = app;
    await using _one = await spawn({ role: "worker", release: "old", place: app.place, worker: { unknownProcedureLimit: "1 second" } });
    await using _two = await spawn({ role: "worker", release: "old", place: app.place, worker: { unknownProcedureLimit: "1 second" } });
    const handles = await Promise.all(Array.from({ length: 10 }, (_, input) => raincheck.start(router.added, input, { ctx: {} })));
    for (const handle of handles) {
      await expect(handle.result()).rejects.toMatchObject({ _tag: "CallFailed", code: "UNKNOWN_PROCEDURE" });
      const { attempt, createdAt, endedAt } = await handle.get();
      expect(attempt).toBeLessThanOrEqual(2);
      expect(Date.parse(endedAt!) - Date.parse(createdAt)).toBeGreaterThanOrEqual(1_000);
    }
  });
});
