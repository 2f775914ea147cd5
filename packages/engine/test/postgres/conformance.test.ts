import { randomBytes } from "node:crypto";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { expect, inject } from "vitest";
import { type EngineUnderTest, type MakeOptions, describeEngine } from "../../src/conformance/index.ts";
import { postgresEngine } from "../../src/postgres/index.ts";
import { deleteRetained } from "../../src/postgres/keeping/retain.ts";
import { notAdditive } from "./additive.ts";

describeEngine({ name: "postgres", make });
describeEngine({ name: "postgres without notifications", make, listen: false });
describeEngine({ name: "postgres on a ledger of the next release", make: (options) => make(options, migrateFurther) });

/** A migration that a next release might bring: of each form that may be used, one. */
async function migrateFurther(sql: Sql, schema: string): Promise<void> {
  const further = `
    alter table ${schema}.call add column region text;
    alter table ${schema}.call add column weight integer not null default 1;
    alter table ${schema}.event add column note text;
    create table ${schema}.further (id uuid primary key, at timestamptz not null default now());
    create unique index further_at on ${schema}.further (at);
    create index call_region on ${schema}.call (region, path) where region is not null;`;
  expect(notAdditive(further)).toEqual([]);
  await sql.unsafe(`${further} insert into ${schema}.migration (version) select max(version) + 1 from ${schema}.migration;`);
}

async function make(
  { listen }: MakeOptions,
  migrate?: (sql: Sql, schema: string) => Promise<void>,
): Promise<EngineUnderTest<TransactionSql>> {
  await using opening = new AsyncDisposableStack();
  const url = inject("postgresUrl");
  // Not a `testSchema`: the suite makes engines outside of tests, while others run.
  const schema = `conformance_${randomBytes(8).toString("hex")}`;
  const sql = opening.adopt(postgres(url, { max: 2, onnotice: () => undefined }), (one) => one.end({ timeout: 1 }));
  opening.defer(async () => {
    for (const name of [schema, `${schema}_pgboss`]) await sql`drop schema if exists ${sql(name)} cascade`;
  });

  const open = async () => {
    const engine = opened.adopt(postgresEngine({ url, schema, listen, pollMs: 200 }), (one) => one.stop());
    await engine.start();
    return engine;
  };
  const opened = opening.move();
  if (migrate !== undefined) {
    const earlier = postgresEngine({ url, schema });
    await earlier.start();
    await earlier.stop();
    await migrate(sql, schema);
  }
  const engine = await open();
  await sql`create table ${sql(schema)}.effect (mark text not null)`;
  return {
    engine,
    open,
    sweep: () => deleteRetained({ schema, control: { use: (work) => work(sql, () => undefined) } }),
    effects: {
      async write(transaction, mark) {
        await transaction`insert into ${transaction(schema)}.effect values (${mark})`;
      },
      async count(mark) {
        const [row] = await sql<{ count: number }[]>`select count(*)::int from ${sql(schema)}.effect where mark = ${mark}`;
        return row?.count ?? 0;
      },
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
