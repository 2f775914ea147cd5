import { expect, test } from "vitest";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import type { DeliveryFactory } from "../../src/delivery/delivery.ts";
import { pgBoss } from "../../src/delivery/pg-boss.ts";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";

test("while Postgres is away a batch is given up as one, and not tried again item by item", async () => {
  await using fixture = await ledgerFixture();
  await using proxy = await faultProxy(fixture.url);
  let batches = 0;
  const delivery: DeliveryFactory = {
    name: "counted",
    async open(connection) {
      const opened = await pgBoss().open(connection);
      return {
        ...opened,
        prepare(queues) {
          batches += 1;
          return opened.prepare(queues);
        },
      };
    },
  };
  const engine = fixture.engine({ url: proxy.url, delivery });
  await engine.accept(newCall());
  await proxy[Symbol.asyncDispose]();
  batches = 0;
  const accepting = await Promise.allSettled(Array.from({ length: 20 }, () => engine.accept(newCall())));
  for (const one of accepting) expect(one).toMatchObject({ status: "rejected", reason: { _tag: "EngineUnavailable" } });
  expect(batches).toBeLessThanOrEqual(2);
});
