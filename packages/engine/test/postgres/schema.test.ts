import { readFile } from "node:fs/promises";
import type { Sql } from "postgres";
import { expect, test } from "vitest";
import { ledgerFixture } from "./ledger-fixture.ts";

/**
 * The ledger's schema as the database has it after all migrations, so that a change to it shows in a review.
 * `UPDATE_SNAPSHOT=1` with this test writes it anew.
 */
test("the ledger's schema is the one in schema.snapshot.txt", async () => {
  await using fixture = await ledgerFixture();
  await fixture.engine().start();
  await expect(await describeSchema(fixture.sql, fixture.schema)).toMatchFileSnapshot("../../src/postgres/schema.snapshot.txt");
});

test("the description shows a change", async () => {
  await using fixture = await ledgerFixture();
  await fixture.engine().start();
  await fixture.sql`alter table ${fixture.sql(fixture.schema)}.call add column stray text`;
  expect(await describeSchema(fixture.sql, fixture.schema)).not.toBe(
    await readFile(new URL("../../src/postgres/schema.snapshot.txt", import.meta.url), "utf8"),
  );
});

async function describeSchema(sql: Sql, schema: string): Promise<string> {
  const columns = await sql<{ line: string }[]>`
    select format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      case when a.attnotnull then ' not null' else '' end, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname = ${schema} and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum`;
  const constraints = await sql<{ line: string }[]>`
    select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) as line
    from pg_constraint where connamespace = ${schema}::regnamespace and contype <> 'n' order by 1`;
  const indexes = await sql<{ line: string }[]>`select indexdef as line from pg_indexes where schemaname = ${schema} order by indexname`;
  const views = await sql<{ line: string }[]>`
    select viewname || ' as' || definition as line from pg_views where schemaname = ${schema} order by viewname`;
  return [...columns, ...constraints, ...indexes, ...views]
    .map(({ line }) => `${line.replaceAll(`${schema}.`, "").replaceAll(/\s+/g, " ")}\n`)
    .join("");
}
