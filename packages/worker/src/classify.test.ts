import { FinalError } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { HeldProcedure } from "../test/fake-raincheck.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

describe("a reply, and a message to a webhook", () => {
  test.each([
    ["~reply/billing/book", "A reply in the queue billing, of book, was given up with FAILED: no more seats deadLetters()"],
    [
      "~webhook/invoices/book",
      "A message to the webhook invoices, of book, was given up with FAILED: no more seats raincheck.webhook(name)",
    ],
  ])("that is given up is told of, for nobody else is: %s", async (path, message) => {
    const run = () => {
      throw new FinalError("no more seats");
    };
    await using under = await workerUnderTest({ procedures: { [path]: { run }, book: { run } } });
    await under.whenEnded(await under.call("book"));
    expect(under.logged("reply-given-up")).toEqual([]);
    await under.whenEnded(await under.call(path));
    expect(under.logged("reply-given-up")).toMatchObject([{ level: "error", message: expect.stringContaining(message) as string }]);
    expect(under.errors).toHaveLength(1);
  });

  test("that is given up at its time limit is told of too", async () => {
    const held = new HeldProcedure({ timeout: "1 second", retry: { attempts: 1 } });
    await using under = await workerUnderTest({ procedures: { "~reply/billing/book": held } });
    const id = await under.call("~reply/billing/book");
    const run = await held.next();
    await under.time.advance(1_000);
    await under.whenEnded(id);
    expect(under.logged("reply-given-up")).toMatchObject([
      { error: expect.objectContaining({ message: expect.stringContaining("1000 ms") as string }) as Error },
    ]);
    run.succeed();
  });
});
