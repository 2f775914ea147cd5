import type { Vouching } from "../../claim-request.ts";
import type { Ledger } from "../ledger.ts";
import { pairsAside } from "./look-aside.ts";

/** See `Engine.vouch`. */
export async function vouch({ schema, control }: Pick<Ledger, "schema" | "control">, request: Vouching): Promise<void> {
  const { queues, knows, giveUpAfterMs } = request;
  const pairs = await control.use((sql) => pairsAside(sql, schema));
  const paths = new Set(pairs.filter(({ queue }) => queues.includes(queue)).map(({ path }) => path));
  const known: string[] = [];
  for (const path of paths) if (await knows(path)) known.push(path);
  if (known.length === 0) return;
  // Those that were put off a short while ago are left alone, and so are those that are claimed or set aside at this moment.
  await control.use(
    (sql) => sql`
    with put_off as (
      select id from ${sql(schema)}.call
      where queue = any(${queues as string[]}::text[]) and path = any(${known}::text[]) and state = 'queued' and aside_attempt = attempt
        and aside_until < now() + ${giveUpAfterMs * 0.9}::float8 * interval '1 millisecond'
      for update skip locked
    )
    update ${sql(schema)}.call set aside_until = now() + ${giveUpAfterMs}::float8 * interval '1 millisecond'
    where id = any(array(select id from put_off))`,
  );
}
