import type { Sql, TransactionSql } from "postgres";
import { describe, expect, inject, test } from "vitest";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { atStart, openApplication, openControl, probe } from "../../src/postgres/sessions/connections.ts";
import { watchForOutages } from "../../src/postgres/sessions/outage.ts";
import type { Sessions } from "../../src/postgres/sessions/sessions.ts";
import { inTransaction } from "../../src/postgres/sessions/transaction.ts";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";

async function opened(
  isPooled: boolean,
  url = inject("postgresUrl"),
): Promise<{ control: Sessions; application: Sessions } & AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const connections = { url, isPooled, arrays: await atStart(url, async () => {}) };
  const outages = opening.adopt(
    watchForOutages((pid) => probe(connections, pid)),
    (watch) => watch.close(),
  );
  const control = opening.adopt(openControl({ ...connections, outages }), (sessions) => sessions.end(500));
  const application = opening.adopt(openApplication({ ...connections, outages }, 8), (sessions) => sessions.end(500));
  const moved = opening.move();
  return { control, application, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

async function limitsOf(sql: Sql | TransactionSql): Promise<string> {
  const names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
  const rows = await sql<{ setting: string }[]>`
    select current_setting(name) as setting from unnest(${names}::text[]) with ordinality as given (name, place) order by place`;
  return rows.map(({ setting }) => setting).join(" ");
}

async function isolationOf(sql: Sql | TransactionSql): Promise<string> {
  const [row] = await sql<{ isolation: string }[]>`select current_setting('transaction_isolation') as isolation`;
  return row!.isolation;
}

/** Where the role, or the database, has another isolation by default. */
function serializable(): string {
  const url = new URL(inject("postgresUrl"));
  url.searchParams.set("options", "-c default_transaction_isolation=serializable");
  return url.href;
}

describe("the isolation of a session", () => {
  test("is read committed whatever the role has by default, for single statements and for transactions", async () => {
    await using sessions = await opened(false, serializable());
    expect(await sessions.control.use((sql) => isolationOf(sql))).toBe("read committed");
    expect(await inTransaction(sessions.control, isolationOf)).toBe("read committed");
    expect(await inTransaction(sessions.application, isolationOf)).toBe("read committed");
  });

  test.each([true, false])("is raised by the first statement of an application's transaction (pooler: %s)", async (isPooled) => {
    await using sessions = await opened(isPooled);
    const raised = inTransaction(sessions.application, async (sql) => {
      await sql`set transaction isolation level serializable`;
      return isolationOf(sql);
    });
    expect(await raised).toBe("serializable");
    expect(await inTransaction(sessions.application, isolationOf)).toBe("read committed");
  });
});

describe("the limits of a session", () => {
  test("are held by the server, for the engine's own statements and for the application's transactions", async () => {
    await using sessions = await opened(false);
    expect(await sessions.control.use((sql) => limitsOf(sql))).toBe("30s 5s 2s");
    expect(await inTransaction(sessions.control, limitsOf)).toBe("30s 5s 2s");
    expect(await inTransaction(sessions.application, limitsOf)).toBe("5min 40s 30s");
  });

  test("behind a pooler stay within each transaction: what is set must not meet whoever has the connection next", async () => {
    await using sessions = await opened(true);
    const untouched = await sessions.control.use((sql) => limitsOf(sql));
    expect(await inTransaction(sessions.control, limitsOf)).toBe("30s 5s 2s");
    expect(await inTransaction(sessions.application, limitsOf)).toBe("5min 40s 30s");
    expect(await sessions.control.use((sql) => limitsOf(sql))).toBe(untouched);
  });

  test.each([true, false])("are no start-up parameters, which a pooler refuses (listen: %s)", async (listen) => {
    await using fixture = await ledgerFixture();
    await using proxy = await faultProxy(fixture.url);
    const engine = fixture.engine({ url: proxy.url, listen });
    await engine.accept(newCall());
    const [attempt] = await engine.claim(claimOne);
    await engine.commit(attempt!, async () => ({ value: null, output: "null" }));
    const sent = new Set(proxy.startUps.flatMap((parameters) => [...parameters.keys()]));
    expect([...sent].toSorted()).toEqual(["application_name", "client_encoding", "database", "user"]);
  });

  test("do not end a statement that is only slow: the server says that it is at work", async () => {
    await using sessions = await opened(false);
    const rows = await sessions.control.use((sql) => sql`select pg_sleep(6), 1 as one`);
    expect(rows[0]?.["one"]).toBe(1);
  });

  test("end what a process left open in the middle of a transaction", async () => {
    await using sessions = await opened(false);
    const { promise: forEver } = Promise.withResolvers<never>();
    const left = inTransaction(sessions.control, async (sql) => {
      await sql`select 1`;
      await forEver;
    });
    await expect(left).rejects.toMatchObject({ code: expect.stringMatching(/^(?:25P03|CONNECTION_CLOSED)$/) });
  });
});
