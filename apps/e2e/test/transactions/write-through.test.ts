/** What a resolver writes with its own library through `ctx.call.commit()`. */
import { postgresEngine } from "@raincheck/engine/postgres";
import { runWorker } from "@raincheck/worker";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";
import { withSearchPath } from "./shop.ts";
import { shipping } from "./write-through.ts";

const sentAt = new Date("2001-02-03T04:05:06.789Z");

async function run() {
  await using opening = new AsyncDisposableStack();
  const { name: schema, url } = await testSchema();
  const shop = `${schema}_shop`;
  const sql = opening.adopt(postgres(url, { max: 1, onnotice: () => undefined }), (one) => one.end());
  await sql.unsafe(
    `create schema ${shop}; create table ${shop}.shipment (id int primary key, sent_at timestamptz not null, parcels jsonb not null)`,
  );
  // One connection for the application's writes, so that each commit has the one of the commit before.
  const engine = opening.adopt(postgresEngine({ url: withSearchPath(url, shop), schema, max: 6 }), (one) => one.stop());
  const application = shipping(engine);
  const worker = await runWorker({ raincheck: application.raincheck, signals: false, shutdownGrace: "0 millis" });
  opening.defer(() => worker.stop());
  const opened = opening.move();
  return {
    ...application,
    kept: () => sql.unsafe(`select id, sent_at, jsonb_typeof(parcels) as kind, parcels->0->>'kilos' as kilos from ${shop}.shipment`),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

describe.each(["drizzle", "kysely", "knex"] as const)("through %s", (library) => {
  test("the writes and the result come with one commit, as they were", async () => {
    await using shop = await run();
    const start = (id: number) => shop.raincheck.start(shop.appRouter[library], { id, sentAt, parcels: [{ kilos: 2.5 }] }, { ctx: {} });
    expect(await (await start(1)).result()).toEqual(sentAt);
    expect([...(await shop.kept())]).toEqual([{ id: 1, sent_at: sentAt, kind: "array", kilos: "2.5" }]);
    await expect((await start(1)).result()).rejects.toMatchObject({ _tag: "CallFailed" });
    expect(await shop.kept()).toHaveLength(1);
  });

  test("the next commit finds its connection as it should be", async () => {
    await using shop = await run();
    await (await shop.raincheck.start(shop.appRouter[library], { id: 1, sentAt, parcels: [] }, { ctx: {} })).result();
    expect(await (await shop.raincheck.start(shop.appRouter.plain, undefined, { ctx: {} })).result()).toBe(true);
  });
});
