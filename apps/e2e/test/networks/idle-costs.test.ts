/** What waiting costs Postgres while nothing changes: the poll of the process, however many wait. */
import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";
import { expect, it, vi } from "vitest";
import { statementCounter } from "../../../../tooling/vitest/statement-counter.ts";
import { testSchema } from "../../../../tooling/vitest/test-schema.ts";

const patience = { timeout: 15_000, interval: 20 };
const waiters = 200;
const pollMs = 200;

it.each([{ listen: true }, { listen: false }])(
  "a wait and a watch cost no statement while nothing changes, with %j",
  async ({ listen }) => {
    await using cleanup = new AsyncDisposableStack();
    const { name: schema, url } = await testSchema();
    const counter = cleanup.use(await statementCounter(url));
    const engine = cleanup.adopt(postgresEngine({ url: counter.url, schema, listen, pollMs }), (one) => one.stop());
    const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "ada" });
    const t = initTRPC.create();
    const quick = raincheck.deferrable(t.procedure).mutation(() => 1);
    const router = raincheck.bind(t.router({ quick, calls: raincheck.calls(t.procedure, { recheck: "200 millis" }) }));
    const leaving = new AbortController();
    const { calls } = router.createCaller({}, { signal: leaving.signal });
    const handles = await Promise.all(Array.from({ length: waiters }, () => raincheck.start(quick, undefined, { ctx: {} })));

    /** Statements a second, over so many seconds. */
    const rate = async (seconds: number) => {
      const [begun, before] = [performance.now(), counter.statements];
      await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThanOrEqual(seconds * 1_000), patience);
      return (counter.statements - before) / seconds;
    };
    const idle = await rate(2);

    const watches = await Promise.all(handles.map(async ({ id }) => (await calls.watch({ calls: [{ id }] }))[Symbol.asyncIterator]()));
    await Promise.all(watches.map((watch) => watch.next()));
    const ends = Promise.allSettled([
      ...watches.map((watch) => watch.next()),
      ...handles.map(({ id }) => calls.wait({ id, timeoutMs: 30_000 })),
    ]);
    // The first poll that sees a call lets those who follow it look once more: its change may have come before the poll's first sight.
    await rate(2);
    const connections = counter.connections;
    const waiting = await rate(3);
    // The poll asks once for all of them: five times a second here. One statement a second for each of the 400 would be far more.
    expect(waiting).toBeLessThanOrEqual(idle + 1_000 / (pollMs * 0.9) + 10);
    expect(counter.connections).toBeLessThanOrEqual(connections);
    expect(connections).toBeLessThanOrEqual(10);

    // The counter counts.
    const before = counter.statements;
    for (const { id } of handles.slice(0, 50)) await calls.get({ id });
    expect(counter.statements - before).toBeGreaterThanOrEqual(50);

    leaving.abort();
    await ends;
  },
);
