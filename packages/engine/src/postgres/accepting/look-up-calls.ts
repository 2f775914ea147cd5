import type { CallState } from "@raincheck/protocol";
import type { SqlExecutor } from "../../delivery/delivery.ts";
import type { CallRow } from "./call-row.ts";
import { answerOf } from "./caller-transaction.ts";
import type { Ledger } from "../ledger.ts";

/** A call that the ledger has already. */
export interface KnownCall {
  readonly id: string;
  readonly state: CallState;
  /** In hex. */
  readonly keyHash: string | null;
  /** In hex. */
  readonly inputHash: string;
}

/** Looks up, by id and by key, the calls that were in the way of rows. */
export async function lookUpCalls({ schema }: Ledger, executor: SqlExecutor, rows: readonly CallRow[]): Promise<KnownCall[]> {
  const { rows: answer } = await executor.execute(
    `with item as (
      select * from json_to_recordset($1::text::json) as item ("id" uuid, "keyHash" text)
    ), known as (
      select id from "${schema}".call where id = any(array(select "id" from item))
      union
      select id from "${schema}".call where key_hash = any(array(select decode("keyHash", 'hex') from item where "keyHash" is not null))
    )
    select coalesce(json_agg(json_build_object(
      'id', call.id, 'state', call.state, 'keyHash', encode(call.key_hash, 'hex'), 'inputHash', encode(call.input_hash, 'hex')
    )), '[]')::text from "${schema}".call where id in (select id from known)`,
    [JSON.stringify(rows.map(({ call, keyHash }) => ({ id: call.id, keyHash })))],
  );
  return answerOf(answer);
}
