import { randomBytes } from "node:crypto";
import postgres, { type TransactionSql } from "postgres";
import { inject } from "vitest";
import { type EngineUnderTest, type MakeOptions, describeEngine } from "../../src/conformance/index.ts";
import { postgresEngine } from "../../src/postgres/index.ts";
import { deleteRetained } from "../../src/postgres/retain.ts";

describeEngine({ name: "postgres", make });
describeEngine({ name: "postgres without notifications", make, listen: false });

async function make({ listen }: MakeOptions): Promise<EngineUnderTest<TransactionSql>> {
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
