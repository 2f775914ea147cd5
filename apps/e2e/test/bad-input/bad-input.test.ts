/**
 * Bad input, over Postgres, HTTP and a worker: each gets a clear error, and nothing is lost or stored by halves. Once with
 * notifications and once without.
 */
import { describe, expect, test } from "vitest";
import { type Thrown, runHostileApplication, thrown } from "./hostile-application.ts";

const unknownId = "00000000-0000-4000-8000-000000000000";

describe.each([{ listen: true }, { listen: false }])("listen: $listen", (options) => {
  test.each([
    ["an unknown path", "no.such.path", {}, "NOT_FOUND", "no.such.path"],
    ["a path of Object's own", "constructor", {}, "NOT_FOUND", "constructor"],
    ["a procedure that is not deferrable", "plain", {}, "BAD_REQUEST", "deferrable"],
    ["an input that its validator refuses", "echo", { text: 7 }, "BAD_REQUEST", "string"],
    ["an input over the limit", "echo", { text: "x".repeat(1_001) }, "PAYLOAD_TOO_LARGE", "1000"],
  ])("%s is refused before anything is stored", async (_, path, input, code, words) => {
    await using app = await runHostileApplication(options);
    const error: unknown = await app.trpc.calls.start.mutate({ path, input }).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ data: { code } });
    expect(String(error).replaceAll(",", "")).toContain(words);
    expect(await app.countCalls()).toBe(0);
    expect(app.ran).toEqual([]);
  });

  test("a file or form is refused in async mode", async () => {
    await using app = await runHostileApplication(options);
    await expect(app.defer.upload(new FormData())).rejects.toMatchObject({ message: expect.stringContaining("FormData") });
    expect(await app.countCalls()).toBe(0);
  });

  test("an idempotency key with another input is a conflict, and the first call goes on", async () => {
    await using app = await runHostileApplication(options);
    const first = await app.defer.echo({ text: "one" }, { idempotencyKey: "k" });
    await expect(app.defer.echo({ text: "two" }, { idempotencyKey: "k" })).rejects.toMatchObject({ data: { code: "CONFLICT" } });
    await expect(first.result()).resolves.toBe("one");
    expect(await app.countCalls()).toBe(1);
  });

  test("an output over the limit ends the call with a failure that says so, and is not tried again", async () => {
    await using app = await runHostileApplication(options);
    const handle = await app.defer.swell(1_001);
    await expect(handle.result()).rejects.toMatchObject({ _tag: "CallFailed", code: "OUTPUT_TOO_LARGE" });
    expect(app.ran).toEqual(["swell"]);
    await expect((await app.defer.swell(10)).result()).resolves.toBe("x".repeat(10));
  });

  test("an output that would be stored wrongly ends the call with a failure that says where", async () => {
    await using app = await runHostileApplication(options);
    const handle = await app.defer.loses();
    await expect(handle.result()).rejects.toMatchObject({
      _tag: "CallFailed",
      code: "OUTPUT_NOT_STORABLE",
      message: expect.stringContaining("big"),
    });
    expect(app.ran).toEqual(["loses"]);
  });

  test("an output whose reading throws fails the call, and tells nothing of what was thrown", async () => {
    await using app = await runHostileApplication(options);
    const handle = await app.defer.hides();
    await expect(handle.result()).rejects.toMatchObject({ _tag: "CallFailed", code: "OUTPUT_NOT_STORABLE" });
    expect(JSON.stringify(await handle.get())).not.toContain("canary-secret");
    expect(app.ran).toEqual(["hides"]);
  });

  test("events from a cursor that the call has not come to end with an error that names it", async () => {
    await using app = await runHostileApplication(options);
    const handle = await app.defer.echo({ text: "one" });
    await handle.result();
    await expect(handle.events({ after: 3 }).next()).resolves.toEqual({ done: true, value: undefined });
    await expect(handle.events({ after: 999 }).next()).rejects.toMatchObject({
      _tag: "InvalidOption",
      message: expect.stringContaining("999"),
    });
  });

  test.each(Object.keys(thrown) as Thrown[])("a resolver that throws %s ends its call once, and tells nothing of it", async (name) => {
    await using app = await runHostileApplication(options);
    const handle = await app.defer.throws(name);
    const error: unknown = await handle.result().catch((failed: unknown) => failed);
    expect(error).toMatchObject({ _tag: "CallFailed", code: "INTERNAL_SERVER_ERROR", failure: { errorId: expect.any(String) } });
    expect(JSON.stringify(await handle.get())).not.toContain("canary-secret");
    const [stored] = await app.sql`select * from ${app.sql(app.schema)}.call`;
    expect(JSON.stringify(stored)).not.toContain("canary-secret");
    expect(JSON.stringify(stored).length).toBeLessThan(5_000);
    expect(app.ran).toEqual([name]);
  });

  test("a resolver that ignores its signal for ever ends as timed out, and the worker takes the next call", async () => {
    await using app = await runHostileApplication(options);
    const stuck = await Promise.all(Array.from({ length: 4 }, () => app.defer.ignores()));
    const ends = await Promise.allSettled(stuck.map((handle) => handle.result()));
    expect(ends).toMatchObject(Array.from({ length: 4 }, () => ({ reason: { _tag: "CallFailed", code: "TIMED_OUT" } })));
    await expect((await app.defer.echo({ text: "next" })).result()).resolves.toBe("next");
  });

  test("an unknown and a malformed id are refused by every verb", async () => {
    await using app = await runHostileApplication(options);
    const { calls } = app.trpc;
    const id = unknownId;
    for (const ask of [() => calls.get.query({ id }), () => calls.wait.query({ id }), () => calls.cancel.mutate({ id })]) {
      await expect(ask()).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
    }
    for (const malformed of ["", "1; drop table call", `${unknownId} `]) {
      await expect(calls.get.query({ id: malformed })).rejects.toMatchObject({
        data: { code: expect.stringMatching(/^(BAD_REQUEST|NOT_FOUND)$/) },
      });
    }
    await expect(app.defer.echo.attach(unknownId).result()).rejects.toMatchObject({ data: { code: "NOT_FOUND" } });
  });

  test("a watch from a cursor that does not exist is refused, and the call beside it is followed", async () => {
    await using app = await runHostileApplication(options);
    const [one, two] = await Promise.all([app.defer.echo({ text: "one" }), app.defer.echo({ text: "two" })]);
    await Promise.all([one.result(), two.result()]);
    const seen: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      app.trpc.calls.watch.subscribe(
        { calls: [{ id: one.id, after: 99 }, { id: two.id }] },
        { onData: ({ data }) => seen.push(data), onComplete: resolve, onError: reject },
      );
    });
    expect(seen).toContainEqual({ id: one.id, refused: "UNKNOWN_CURSOR" });
    expect(seen).toContainEqual({ id: two.id, event: expect.objectContaining({ seq: 3, type: "succeeded", output: "two" }) });
  });

  test.each([{ after: -1 }, { after: 0.5 }, { after: "1" }, { after: 1e300 }])(
    "a watch from the cursor %o is refused at once",
    async (cursor) => {
      await using app = await runHostileApplication(options);
      const error = await new Promise((resolve) => {
        app.trpc.calls.watch.subscribe(
          { calls: [{ id: unknownId, ...(cursor as { after: number }) }] },
          { onError: resolve, onComplete: () => resolve("completed") },
        );
      });
      expect(error).toMatchObject({ data: { code: "BAD_REQUEST" } });
    },
  );
});
