import { describe, expect, test } from "vitest";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";

describe("an answer that is lost", () => {
  test("of the accepting commit: the call is accepted once", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    await engine.accept(newCall());
    const lost = proxy.loseAnswerTo("commit");
    const call = newCall();
    const [accepted] = await Promise.all([engine.accept(call), lost]);
    expect(accepted).toEqual({ id: call.id, state: "queued", created: true });
    const rows = await fixture.sql`select id from ${fixture.sql(fixture.schema)}.call where id = ${call.id}`;
    expect(rows).toHaveLength(1);
  });

  test("of the settling commit: the call succeeds, the application's writes are there once, the work ran once", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const { sql, schema } = fixture;
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    await sql`create table ${sql(schema)}.effect (call_id uuid)`;
    const [attempt] = await engine.claim(claimOne);
    const lost = Promise.withResolvers<void>();
    let runs = 0;
    const value = await engine.commit(attempt!, async (transaction) => {
      runs += 1;
      await transaction`insert into ${sql(schema)}.effect values (${id})`;
      // From here the next commit is this transaction's own.
      void proxy.loseAnswerTo("commit").then(lost.resolve);
      return { value: "kept", output: '"kept"' };
    });
    await lost.promise;
    expect(value).toBe("kept");
    expect(runs).toBe(1);
    expect(await sql`select * from ${sql(schema)}.effect`).toHaveLength(1);
    expect(await engine.read(id, { principal: "ada" })).toMatchObject({ state: "succeeded", output: '"kept"' });
  });

  test("of a settle: it is settled once, and told as settled", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    // The marker stands in the settle's own parameters.
    const lost = proxy.loseAnswerTo("marker-of-this-output");
    const [result] = await Promise.all([engine.settle(attempt!, { type: "succeeded", output: '"marker-of-this-output"' }), lost]);
    expect(result).toBe("settled");
    const page = await engine.events(id, 0, { principal: "ada" });
    expect(page?.events.map(({ type }) => type)).toEqual(["queued", "started", "succeeded"]);
  });

  test("of a report: its progress is written once, also where several values travel together", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    const lost = proxy.loseAnswerTo("marker-of-this-progress");
    const values = ['"first"', '"marker-of-this-progress"', '"last"'];
    const [results] = await Promise.all([Promise.all(values.map((value) => engine.report(attempt!, value))), lost]);
    expect(results).toEqual(["settled", "settled", "settled"]);
    const page = await engine.events(id, 2, { principal: "ada" });
    expect(page?.events.map((event) => event.type === "progress" && event.value)).toEqual(values);
  });

  test("of an append: each value is written once, equal ones too", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    const { id } = await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    const lost = proxy.loseAnswerTo("marker-of-this-yield");
    const values = ['"same"', '"same"', '"marker-of-this-yield"', '"same"'];
    const [result] = await Promise.all([engine.append(attempt!, { after: 0, values }), lost]);
    expect(result).toBe("settled");
    expect(await engine.append(attempt!, { after: 4, values: ['"same"'] })).toBe("settled");
    const page = await engine.events(id, 2, { principal: "ada" });
    expect(page?.events.map((event) => event.type === "yielded" && event.value)).toEqual([...values, '"same"']);
  });

  test("of making a queue's place in the delivery: it is made again, and the call is accepted", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    await engine.start();
    const lost = proxy.loseAnswerTo("create_queue");
    const call = newCall({ queue: "never-met-before" });
    const [accepted] = await Promise.all([engine.accept(call), lost]);
    expect(accepted).toEqual({ id: call.id, state: "queued", created: true });
  });

  test("when every connection is cut the verbs go on", async () => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url });
    await engine.accept(newCall());
    const verbs = Array.from({ length: 50 }, () => engine.accept(newCall()));
    proxy.cutAll();
    const accepted = await Promise.all(verbs);
    expect(new Set(accepted.map(({ id }) => id)).size).toBe(50);
  });
});
