/**
 * A ledger with so many ended calls, as the engine leaves them: one call is run by it, and copied with its events. The copies have ids of
 * their own, a thousand principals, and the times of a week.
 */
import type { Sql } from "postgres";
import { withDatabase } from "../database.ts";
import { prepare, startCaller, startPeerWorker } from "../queues/processes.ts";

/** Copies in one statement. */
const chunk = 200_000;

/** Retention ends after a week, so none of the copies is deleted in the next hours. */
const spread = "interval '160 hours'";

/** Fills the ledger of a database that has none. */
export async function fillLedger(url: string, rows: number): Promise<void> {
  await runOne(url);
  await withDatabase(url, async (sql) => {
    await sql.unsafe(`
      set synchronous_commit = off;
      set maintenance_work_mem = '512MB';
      create table template_call as select * from raincheck.call where state = 'succeeded' limit 1;
      create table template_event as select event.* from raincheck.event join template_call on call_id = template_call.id;
      truncate raincheck.call, raincheck.event;
    `);
    const restoreIndexes = await dropIndexes(sql, ["raincheck.call", "raincheck.event"]);
    const calls = await columnsOf(sql, "raincheck.call", {
      id: "gen_random_uuid()",
      principal: "'user ' || number % 1000",
      timestamptz: (name) => `template_call.${name} - (1 - number / ${rows}::float8) * ${spread}`,
      other: (name) => `template_call.${name}`,
    });
    const events = await columnsOf(sql, "raincheck.event", {
      call_id: "copied.id",
      timestamptz: (name) => `copied.created_at + (template_event.${name} - template_call.created_at)`,
      other: (name) => `template_event.${name}`,
    });
    for (let from = 1; from <= rows; from += chunk)
      await sql.unsafe(`
        with copied as (
          insert into raincheck.call (${calls.names})
          select ${calls.values} from generate_series(${from}, ${Math.min(rows, from + chunk - 1)}) as number, template_call
          returning id, created_at
        )
        insert into raincheck.event (${events.names}) select ${events.values} from copied, template_call, template_event`);
    await restoreIndexes();
    await sql.unsafe("drop table template_call, template_event");
    await sql.unsafe("vacuum (analyze) raincheck.call, raincheck.event");
  });
}

/** Makes the ledger, and runs a few calls: one is not enough for a measurement, and more do no harm. */
async function runOne(url: string): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const at = { name: "raincheck", url, inFlight: 1, work: "calls" } as const;
  await prepare(opened, at);
  await startPeerWorker(opened, at);
  await (await startCaller(opened, at)).measure({ what: "call", inFlight: 1, warmUpMs: 0, ms: 100 });
}

/** How columns are copied: some by their name, others by their type. */
interface Copying {
  readonly [column: string]: string | ((name: string) => string);
  readonly timestamptz: (name: string) => string;
  readonly other: (name: string) => string;
}

/** All columns of a table, whatever a migration has added, and what is copied into them. */
async function columnsOf(sql: Sql, table: string, copying: Copying): Promise<{ readonly names: string; readonly values: string }> {
  const columns = await sql<{ name: string; type: string }[]>`
    select quote_ident(attname) as name, atttypid::regtype::text as type from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`;
  const values = columns.map(({ name, type }) => {
    const given = copying[name];
    if (typeof given === "string") return given;
    return type === "timestamp with time zone" ? copying.timestamptz(name) : copying.other(name);
  });
  return { names: columns.map(({ name }) => name).join(), values: values.join() };
}

/** Without its indexes a table is filled many times faster; the returned function makes them again. */
async function dropIndexes(sql: Sql, tables: readonly string[]): Promise<() => Promise<void>> {
  const constraints = await sql<{ drop: string; create: string }[]>`
    select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
      format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as create
    from pg_constraint where conrelid = any(${tables as string[]}::regclass[]) and contype in ('p', 'u')`;
  const indexes = await sql<{ drop: string; create: string }[]>`
    select format('drop index %s', indexrelid::regclass) as drop, pg_get_indexdef(indexrelid) as create
    from pg_index where indrelid = any(${tables as string[]}::regclass[])
      and not exists (select from pg_constraint where conindid = indexrelid)`;
  const all = [...constraints, ...indexes];
  for (const { drop } of all) await sql.unsafe(drop);
  return async () => {
    for (const { create } of all) await sql.unsafe(create);
  };
}
