import { describe, expect, test } from "vitest";
import { HeldProcedure, type HeldRun } from "../test/fake-raincheck.ts";
import { settled } from "../test/virtual-time.ts";
import { workerUnderTest } from "../test/worker-under-test.ts";

const webhookQueues = ["webhook/a", "webhook/b"];

describe("messages to webhooks", () => {
  test.each([
    [1, 1],
    [4, 2],
    [5, 2],
  ])("have of %i slots %i at most, however many endpoints hang, and the others go on", async (concurrency, most) => {
    const [post, call] = [new HeldProcedure(), new HeldProcedure()];
    await using under = await workerUnderTest({ concurrency, webhookQueues, procedures: { post, call } });
    const posts = await Promise.all(Array.from({ length: 6 }, (_, index) => under.call("post", { queue: webhookQueues[index % 2]! })));
    const hanging: HeldRun[] = [];
    for (let begun = 0; begun < most; begun++) hanging.push(await post.next());
    await settled();
    expect(post.running).toBe(most);
    if (concurrency > 1) {
      const id = await under.call("call");
      (await call.next()).succeed();
      await under.whenEnded(id);
    }
    // Each that ends makes room for the next at once: no time passes.
    const beforeMs = under.time.nowMs;
    for (let ended = 0; ended < posts.length; ended++) {
      hanging.shift()!.succeed();
      if (ended + most < posts.length) hanging.push(await post.next());
    }
    await Promise.all(posts.map((id) => under.whenEnded(id)));
    expect(under.time.nowMs).toBe(beforeMs);
    expect(post.peak).toBe(most);
  });
});
