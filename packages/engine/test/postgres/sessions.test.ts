import { atStart } from "../../src/postgres/sessions/connections.ts";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, inject, test } from "vitest";
import { watchForOutages } from "../../src/postgres/sessions/outage.ts";
import { controlLimits } from "../../src/postgres/sessions/session-limits.ts";
import { type Sessions, openSessions } from "../../src/postgres/sessions/sessions.ts";
import { inTransaction } from "../../src/postgres/sessions/transaction.ts";
import { isUnavailable } from "../../src/postgres/sessions/unavailable.ts";
import { type FaultProxy, faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";

interface SessionsFixture extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly proxy: FaultProxy;
}

async function sessionsFixture(max = 2): Promise<SessionsFixture> {
  await using opening = new AsyncDisposableStack();
  const proxy = opening.use(await faultProxy(inject("postgresUrl")));
  const arrays = await atStart(proxy.url, async () => {});
  const sessions = opening.adopt(
    openSessions({ url: proxy.url, max, arrays, applicationName: "test", limits: controlLimits, isPooled: false, outages: null }),
    (one) => one.end(500),
  );
  const opened = opening.move();
  return { sessions, proxy, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

describe("a session", () => {
  test("is one user's at a time, and kept for the next", async () => {
    await using fixture = await sessionsFixture(1);
    const { sessions } = fixture;
    const pidOf = () => sessions.use(async (sql) => (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]!.pid);
    const order: string[] = [];
    const held = Promise.withResolvers<void>();
    const first = sessions.use(async () => {
      order.push("first");
      await held.promise;
    });
    const second = pidOf().then((pid) => {
      order.push("second");
      return pid;
    });
    held.resolve();
    await first;
    const pid = await second;
    expect(order).toEqual(["first", "second"]);
    expect(await pidOf()).toBe(pid);
  });

  test("keeps nothing of the answers that it gave", async () => {
    await using fixture = await sessionsFixture(1);
    const answers: WeakRef<object>[] = [];
    for (let times = 0; times < 50; times++)
      answers.push(new WeakRef(await fixture.sessions.use((sql) => sql`select ${times}::int as number`)));
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    await expect
      .poll(
        () => {
          collect();
          return answers.filter((answer) => answer.deref() !== undefined).length;
        },
        { timeout: 15_000 },
      )
      .toBeLessThan(5);
  });

  test("that was cut while idle is replaced", async () => {
    await using fixture = await sessionsFixture(1);
    const { sessions, proxy } = fixture;
    const one = () => sessions.use((sql) => sql`select 1 as one`);
    await one();
    proxy.cutAll();
    await expect
      .poll(
        () =>
          one().then(
            (rows) => rows[0]?.["one"],
            () => "broken",
          ),
        { timeout: 15_000 },
      )
      .toBe(1);
  });

  test("reads and writes arrays as an ordinary connection does", async () => {
    await using fixture = await sessionsFixture();
    const given = { texts: ["a", `"quoted" \\ {,}`, ""], numbers: [1, -2] };
    const [row] = await fixture.sessions.use((sql) => sql`select ${given.texts}::text[] as texts, ${given.numbers}::int[] as numbers`);
    expect(row).toEqual(given);
  });

  test("that breaks rejects what it was doing, statement by statement, and never the process", async () => {
    await using fixture = await sessionsFixture(4);
    const { sessions, proxy } = fixture;
    const ends = { done: 0, broken: 0 };
    let statements = 0;
    /** Every seventh statement is sent into the cut. */
    const cutNowAndThen = () => {
      statements += 1;
      if (statements % 7 === 0) proxy.cutAll();
    };
    const user = async (name: number) => {
      for (let round = 0; round < 25; round++) {
        const work = inTransaction(sessions, async (sql) => {
          await sql`select ${name}::int`;
          const both = Promise.all([sql`select 1`, sql`select pg_sleep(0.001)`]);
          cutNowAndThen();
          await both;
          const [row] = await sql<{ name: number }[]>`select ${name}::int as name`;
          expect(row?.name).toBe(name);
          cutNowAndThen();
        });
        await work.then(
          () => (ends.done += 1),
          (error: unknown) => {
            ends.broken += 1;
            expect(isUnavailable(error), String(error)).toBe(true);
          },
        );
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, name) => user(name)));
    expect(ends.done).toBeGreaterThan(0);
    expect(ends.broken).toBeGreaterThan(0);
  });

  test("is refused once the sessions have ended, also to those who wait for one", async () => {
    await using fixture = await sessionsFixture(1);
    const { sessions } = fixture;
    const held = Promise.withResolvers<void>();
    const first = sessions.use(() => held.promise);
    const waiting = sessions.use(async () => {});
    const ending = sessions.end(5_000);
    await expect(waiting).rejects.toMatchObject({ code: "CONNECTION_ENDED" });
    held.resolve();
    await Promise.all([first, ending]);
    await expect(sessions.use(async () => {})).rejects.toMatchObject({ code: "CONNECTION_ENDED" });
  });
});

describe("a transaction of a session", () => {
  test("refuses statements once it is over", async () => {
    await using fixture = await sessionsFixture();
    let late: (() => unknown) | undefined;
    await inTransaction(fixture.sessions, async (sql) => {
      late = () => sql`select 1`;
    });
    expect(() => late?.()).toThrow("This transaction is over");
  });

  test("refuses statements that were made in time and are awaited when it is over", async () => {
    await using fixture = await sessionsFixture();
    const late = await inTransaction(fixture.sessions, async (sql) => {
      const sent = sql`select 1 as one`.execute();
      return { sent, tagged: sql`select 1`, unsafe: sql.unsafe("select 1") };
    });
    expect(await late.sent).toEqual([{ one: 1 }]);
    await expect(async () => await late.tagged).rejects.toThrow("This transaction is over");
    await expect(async () => await late.unsafe).rejects.toThrow("This transaction is over");
  });

  test("is rolled back when a statement failed, even if its failure was caught", async () => {
    await using fixture = await sessionsFixture();
    const work = inTransaction(fixture.sessions, async (sql) => {
      await sql`select 1 / 0`.catch(() => undefined);
      return "never mind";
    });
    await expect(work).rejects.toThrow("was rolled back");
  });

  test("whose rollback fails is not what the session's next user finds itself in", async () => {
    await using fixture = await sessionsFixture(1);
    const { sessions, proxy } = fixture;
    const spoilt = proxy.spoil("rollback");
    const work = inTransaction(sessions, async (sql) => {
      await sql`create temporary table stray ()`;
      throw new Error("changed my mind");
    });
    const next = sessions.use((sql) => sql`select to_regclass('stray') as stray`);
    await expect(work).rejects.toThrow("changed my mind");
    await spoilt;
    expect(await next).toEqual([{ stray: null }]);
  });

  test("whose work met trouble elsewhere tells the sessions of no outage", async () => {
    const url = inject("postgresUrl");
    const told: string[] = [];
    const outages = {
      ...watchForOutages(async () => "working"),
      heard: () => void told.push("heard"),
      unheard: () => void told.push("unheard"),
    };
    const arrays = await atStart(url, async () => {});
    const sessions = openSessions({ url, max: 1, arrays, applicationName: "test", limits: controlLimits, isPooled: false, outages });
    const elsewhere = Object.assign(new Error("the mail server refused"), { code: "ECONNREFUSED" });
    const work = inTransaction(sessions, async (sql) => {
      await sql`select 1`;
      throw elsewhere;
    });
    await expect(work.finally(() => sessions.end(500))).rejects.toBe(elsewhere);
    expect(told).toEqual(["heard"]);
  });

  test("takes back to a savepoint what failed behind it, and keeps the rest", async () => {
    await using fixture = await sessionsFixture();
    const found = await inTransaction(fixture.sessions, async (sql) => {
      await sql`create temporary table kept (word text) on commit drop`;
      await sql`insert into kept values ('before')`;
      await expect(
        sql.savepoint(async (inner) => {
          await inner`insert into kept values ('inside')`;
          throw new Error("changed my mind");
        }),
      ).rejects.toThrow("changed my mind");
      await sql.savepoint((inner) => inner`insert into kept values ('after')`);
      return sql<{ word: string }[]>`select word from kept`;
    });
    expect(found.map(({ word }) => word)).toEqual(["before", "after"]);
  });

  test("has what postgres.js gives a transaction, and nothing that would leave it", async () => {
    await using fixture = await sessionsFixture();
    await inTransaction(fixture.sessions, async (sql) => {
      const rows = [{ a: 1, b: "x" }];
      expect(await sql`select * from (values ${sql(rows.map(({ a, b }) => [a, b]))}) as given (a, b)`).toHaveLength(1);
      expect(await sql`select ${sql.json({ a: 1 })}::jsonb as given`).toEqual([{ given: { a: 1 } }]);
      expect(sql).not.toHaveProperty("begin", expect.anything());
    });
  });
});
