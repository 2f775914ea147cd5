import { randomBytes } from "node:crypto";
import postgres, { type Sql } from "postgres";
import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { type LedgerFixture, claimOne, ledgerFixture } from "./ledger-fixture.ts";

const ada = { principal: "ada" };
const patience = { timeout: 20_000, interval: 50 };

/** A role that is no superuser, with which the ledger of the fixture can be used. */
async function ordinaryRole({ sql, schema, url, engine }: LedgerFixture): Promise<{ name: string; url: string } & AsyncDisposable> {
  await engine().accept(newCall({ queue: "elsewhere" }));
  const name = `role_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  await sql.unsafe(`create role ${name} login password '${password}'`);
  for (const one of [schema, `${schema}_pgboss`]) {
    await sql.unsafe(`grant usage on schema ${one} to ${name}; grant all on all tables in schema ${one} to ${name};
      grant all on all sequences in schema ${one} to ${name}; grant execute on all functions in schema ${one} to ${name}`);
  }
  const own = new URL(url);
  own.username = name;
  own.password = password;
  return {
    name,
    url: own.href,
    async [Symbol.asyncDispose]() {
      await terminate(sql, name);
      await sql.unsafe(`drop owned by ${name}; drop role ${name}`);
    },
  };
}

async function terminate(sql: Sql, role: string): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
}

describe("a server that answers with trouble", () => {
  test("a listener that could not even begin is tried for ever, with growing pauses, and listens once it may", async () => {
    await using fixture = await ledgerFixture();
    await using role = await ordinaryRole(fixture);
    const { sql, schema } = fixture;
    await sql.unsafe(`alter role ${role.name} connection limit 2`);
    await using opened = new AsyncDisposableStack();
    const other = opened.adopt(postgres(role.url, { max: 1 }), (one) => one.end({ timeout: 1 }));
    await other`select 1`;
    let refusals = 0;
    const failing = Promise.withResolvers<void>();
    const engine = fixture.engine({
      url: role.url,
      migrate: false,
      pollMs: 3_600_000,
      onError(error) {
        if (isFull(error) && ++refusals >= 3) failing.resolve();
      },
    });
    // There is one connection for it, which its statements take.
    await expect.poll(() => engine.start().then(() => "started", String), patience).toBe("started");
    await failing.promise;
    const listening = () => sql`select from pg_stat_activity where usename = ${role.name} and query = ${`listen ${schema}_wake`}`;
    expect(await listening()).toHaveLength(0);
    await sql.unsafe(`alter role ${role.name} connection limit 20`);
    await expect.poll(listening, patience).toHaveLength(1);
  });

  test("too many connections, a read-only server and a full disk are told as unavailable, and nothing that was accepted is lost", async () => {
    await using fixture = await ledgerFixture();
    await using role = await ordinaryRole(fixture);
    const { sql, schema } = fixture;
    const engine = fixture.engine({ url: role.url, migrate: false });
    const first = await engine.accept(newCall());

    await sql.unsafe(`alter role ${role.name} set default_transaction_read_only = on`);
    await terminate(sql, role.name);
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineUnavailable" });
    expect(await engine.read(first.id, ada)).toMatchObject({ state: "queued" });
    await sql.unsafe(`alter role ${role.name} reset default_transaction_read_only`);
    await terminate(sql, role.name);
    const second = await acceptSoon(engine);

    await sql.unsafe(`alter role ${role.name} connection limit 0`);
    await terminate(sql, role.name);
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineUnavailable" });
    await sql.unsafe(`alter role ${role.name} connection limit -1`);
    const third = await acceptSoon(engine);

    await sql.unsafe(`create function ${schema}.full() returns trigger language plpgsql as
      $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
      create trigger full_disk before insert on ${schema}.call execute function ${schema}.full()`);
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineUnavailable" });
    await sql.unsafe(`drop trigger full_disk on ${schema}.call`);
    const fourth = await acceptSoon(engine);
    for (const id of [first.id, second, third, fourth]) expect(await engine.read(id, ada)).toMatchObject({ state: "queued" });
  });

  test("backends that are terminated at random end no process, and lose and repeat nothing", async () => {
    await using fixture = await ledgerFixture();
    const { sql, schema } = fixture;
    const role = await ordinaryRole(fixture);
    await using _ = role;
    const engine = fixture.engine({ url: role.url, migrate: false });
    await engine.start();
    let isOver = false;
    let terminated = 0;
    const terminating = (async () => {
      while (!isOver) {
        const rows = await sql<{ done: boolean }[]>`
          select pg_terminate_backend(pid) as done, pg_sleep(0.02) from pg_stat_activity where usename = ${role.name} and random() < 0.4`;
        terminated += rows.filter(({ done }) => done).length;
        await sql`select pg_sleep(0.1)`;
      }
    })();
    const run = async () => {
      const call = newCall();
      await untilAnswered(() => engine.accept(call));
      const [attempt] = await untilAnswered(async () => {
        const claimed = await engine.claim(claimOne);
        if (claimed.length === 0) throw Object.assign(new Error("none yet"), { _tag: "EngineUnavailable" });
        return claimed;
      });
      return untilAnswered(() => engine.settle(attempt!, { type: "succeeded", output: "1" }));
    };
    const settled: string[] = [];
    const beginMs = performance.now();
    while (performance.now() - beginMs < 5_000) settled.push(...(await Promise.all(Array.from({ length: 8 }, run))));
    isOver = true;
    await terminating;
    expect(terminated).toBeGreaterThan(5);
    // A claim whose answer was lost is not repeated: its lease ends. All others have ended once.
    const [ended] = await sql<{ calls: number; ends: number }[]>`
      select count(*)::int as calls, count(*) filter (where seq = 3)::int as ends
      from ${sql(schema)}.call where state = 'succeeded'`;
    expect(ended).toEqual({ calls: settled.length, ends: settled.length });
    expect(settled.every((result) => result === "settled")).toBe(true);
  });
});

describe("an application that holds every connection it may have", () => {
  test("keeps no lease from being extended, no result from being settled and no call from being taken back", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine({ max: 6 });
    const [kept, lost] = [newCall(), newCall()];
    for (const call of [kept, lost]) await engine.accept(call);
    const hold = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const holding = Array.from({ length: 5 }, () =>
      engine.transaction(async (transaction) => {
        await transaction`select 1`;
        held.resolve();
        await hold.promise;
      }),
    );
    await held.promise;
    const attempts = await engine.claim({ ...claimOne, limit: 2, leaseMs: 1_000 });
    const own = attempts.filter(({ id }) => id === kept.id);
    expect(await engine.extend(own, 60_000)).toEqual([]);
    await expect.poll(() => engine.read(lost.id, ada).then((record) => record?.state), patience).toBe("queued");
    expect(await engine.settle(own[0]!, { type: "succeeded", output: "1" })).toBe("settled");
    hold.resolve();
    await Promise.all(holding);
  });
});

function isFull(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "53300";
}

/** Accepts a call as soon as the server lets it. */
async function acceptSoon(engine: ReturnType<LedgerFixture["engine"]>): Promise<string> {
  const call = newCall();
  await expect
    .poll(
      () =>
        engine.accept(call).then(
          ({ created }) => created,
          () => false,
        ),
      patience,
    )
    .toBe(true);
  return call.id;
}

/** Repeats an act through an unavailable engine. */
async function untilAnswered<TValue>(act: () => Promise<TValue>): Promise<TValue> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Error && "_tag" in error && error._tag === "EngineUnavailable")) throw error;
    }
  }
}
