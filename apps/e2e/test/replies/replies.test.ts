import { postgresEngine } from "@raincheck/engine/postgres";
import { FinalError } from "@raincheck/protocol";
import { initRaincheck } from "@raincheck/server";
import { runWorker } from "@raincheck/worker";
import { initTRPC } from "@trpc/server";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";

/** An API, a worker that runs calls, and one that takes replies, each with an engine of its own on one database. */
async function application() {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = opening.use(await testSchema());
  const sql = opening.adopt(postgres(url, { max: 2, onnotice: () => undefined }), (one) => one.end({ timeout: 1 }));
  await sql`create schema if not exists ${sql(schema)}`;
  await sql`create table ${sql(schema)}.bill (call_id uuid not null, seats int not null)`;
  const line = { failures: 0 };

  const part = () => {
    // The keeper looks every 400 ms; the poll is of no help to anybody here.
    const engine = opening.adopt(postgresEngine({ url, schema, pollMs: 60_000 }), (one) => one.stop());
    const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "ada" });
    const t = initTRPC.create();
    const book = raincheck.deferrable(t.procedure.input(z.number()), { retry: { attempts: 1 } }).mutation(({ input, ctx }) => {
      if (input > 2) throw new FinalError("no seats");
      return ctx.call.commit(async () => ({ seats: input }));
    });
    const router = raincheck.bind(t.router({ book, calls: raincheck.calls(t.procedure) }));
    return { raincheck, router };
  };
  const api = part();
  const running = part();
  const billing = part();
  const queue = billing.raincheck.replies<typeof billing.router>(
    "billing",
    {
      book: async (reply, { tx }) => {
        await tx`insert into ${tx(schema)}.bill values (${reply.id}, ${reply.state === "succeeded" ? reply.output.seats : 0})`;
        if (line.failures > 0) {
          line.failures -= 1;
          throw new Error("the line is down");
        }
      },
    },
    { retry: { attempts: 3, initialDelay: "10 millis" } },
  );
  for (const { raincheck } of [running, billing]) {
    const queues = raincheck === running.raincheck ? ["default"] : [];
    const worker = await runWorker({ raincheck, queues, signals: false, shutdownGrace: "0 millis", log: () => undefined });
    opening.defer(() => worker.stop());
  }
  const bills = async () => (await sql<{ call_id: string; seats: number }[]>`select * from ${sql(schema)}.bill`).map((row) => ({ ...row }));
  const start = (seats: number) => api.raincheck.start(api.router.book, seats, { ctx: {}, reply: { queue: "billing" } });
  const opened = opening.move();
  return { ...api, start, bills, queue, line, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

describe("replies", () => {
  test("reach the consumer in another process, however the calls ended, and what it writes is there once", async () => {
    await using app = await application();
    const handles = await Promise.all([1, 2, 3].map((seats) => app.start(seats)));
    const bills = handles.map(({ id }, index) => ({ call_id: id, seats: [1, 2, 0][index]! }));
    await expect.poll(() => app.bills(), { timeout: 15_000 }).toHaveLength(3);
    expect(await app.bills()).toEqual(expect.arrayContaining(bills));
  });

  test("come again when the consumer throws, and what it had written is rolled back", async () => {
    await using app = await application();
    app.line.failures = 2;
    const { id } = await app.start(1);
    await expect.poll(() => app.bills(), { timeout: 15_000 }).toEqual([{ call_id: id, seats: 1 }]);
    expect(app.line.failures).toBe(0);
    expect((await app.queue.deadLetters()).replies).toEqual([]);
  });

  test("are dead letters when their attempts are spent, and come again when they are asked for", async () => {
    await using app = await application();
    app.line.failures = 3;
    const { id } = await app.start(1);
    const dead = async () => (await app.queue.deadLetters()).replies;
    await expect.poll(dead, { timeout: 15_000 }).toMatchObject([{ path: "book", attempts: 3, failure: { code: "INTERNAL_SERVER_ERROR" } }]);
    expect(await app.bills()).toEqual([]);
    const [reply] = await dead();
    expect(await app.queue.retry(reply!.id)).toBe(true);
    await expect.poll(() => app.bills(), { timeout: 15_000 }).toEqual([{ call_id: id, seats: 1 }]);
  });

  test("tell of the retry of a dead letter too, and of which call it was made", async () => {
    await using app = await application();
    const { id, result } = await app.start(3);
    await expect(result()).rejects.toMatchObject({ _tag: "CallFailed", message: "no seats" });
    const again = await app.raincheck.retry(app.router.book, id, { ctx: {} });
    await expect(again.result()).rejects.toMatchObject({ message: "no seats" });
    await expect
      .poll(async () => (await app.bills()).map((bill) => bill.call_id).toSorted(), { timeout: 15_000 })
      .toEqual([id, again.id].toSorted());
  });
});
