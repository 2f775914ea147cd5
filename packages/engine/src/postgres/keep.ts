/**
 * The keeper: what must happen to calls though nobody asks. Every process with an engine keeps; each pass takes what no other
 * pass holds (`skip locked`), so any number of them do no harm, and one that dies in the middle leaves its rows to the next.
 *
 * A pass begins with one cheap question, whether there is anything to do. In a quiet ledger that is all it costs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { giveUpUnknown, lookAside } from "./aside.ts";
import { expireDue } from "./expire.ts";
import { pathsWithRoom } from "./gate.ts";
import type { Ledger } from "./ledger.ts";
import { passOnCancels } from "./pass-on-cancels.ts";
import { reapLost } from "./reap.ts";
import { redeliver } from "./redeliver.ts";
import { deleteRetained } from "./retain.ts";

/** Between two passes, in milliseconds, drawn from 0.75 to 1.25 of it. With the lease it bounds how long a lost call stays lost. */
const passMs = 400;

/** Between two looks for lost deliveries, in milliseconds: in a backlog they cost more than the other passes and find nothing. */
const redeliverMs = 2_000;

/**
 * For so long after an outage, of this process or of the server, no lease is taken for ended, in milliseconds. Nobody could extend one
 * meanwhile; their workers come back within a second or two, and settle what they have finished or hand back what they have not.
 */
const returnMs = 3_000;

interface Due {
  readonly lost: boolean;
  readonly cancelling: boolean;
  readonly expired: boolean;
  readonly parked: boolean;
  readonly aside: boolean;
  readonly unknown: boolean;
  readonly undelivered: boolean;
  readonly retained: boolean;
}

/** Keeps until stopped. */
export interface Keeper {
  /** Resolves when the pass that is under way has ended. */
  stop(): Promise<void>;
}

/** Starts keeping. A pass that fails is left to the next one: its transaction changed nothing. */
export function startKeeper(ledger: Ledger, onError: (error: unknown) => void): Keeper {
  const stopping = new AbortController();

  async function keep(): Promise<void> {
    let redeliverAtMs = 0;
    while (!stopping.signal.aborted) {
      try {
        const isRedeliverDue = performance.now() >= redeliverAtMs;
        const due = await whatIsDue(ledger, { redeliver: isRedeliverDue });
        if (due.expired) await expireDue(ledger);
        if (due.lost && ledger.outages.endedAgoMs() >= returnMs) await reapLost(ledger);
        if (due.cancelling) await passOnCancels(ledger);
        if (due.retained) await deleteRetained(ledger);
        if (due.unknown) await giveUpUnknown(ledger);
        if (due.aside || !ledger.aside.isEmpty) await lookAside(ledger);
        if (due.parked) await ledger.gate.open(await pathsWithRoom(ledger));
        if (isRedeliverDue) redeliverAtMs = performance.now() + redeliverMs;
        if (due.undelivered) await redeliver(ledger);
      } catch (error) {
        if (!stopping.signal.aborted) onError(error);
      }
      await sleep(passMs * (0.75 + Math.random() / 2), undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  const kept = keep();
  return {
    stop() {
      stopping.abort();
      return kept;
    },
  };
}

/**
 * Lost deliveries are asked for when it is time to look for them alone: many calls that were set aside make that question cost something.
 *
 * A running call is never parked; that it is asked lets the index of what is open, which leaves parked calls out, answer.
 */
async function whatIsDue({ schema, control }: Ledger, ask: { redeliver: boolean }): Promise<Due> {
  const [due] = await control.use(
    (sql) => sql<Due[]>`
    select
      exists (select from ${sql(schema)}.call where state = 'running' and not parked and due_at < now())
        and pg_postmaster_start_time() < now() - ${returnMs}::float8 * interval '1 millisecond' as lost,
      exists (select from ${sql(schema)}.call where expires_at <= now()) as expired,
      exists (select from ${sql(schema)}.call where cancelling) as cancelling,
      exists (select from ${sql(schema)}.call where parked) as parked,
      exists (select from ${sql(schema)}.call where state = 'queued' and aside_attempt = attempt) as aside,
      exists (select from ${sql(schema)}.call where state = 'queued' and aside_attempt = attempt and aside_until <= now()) as unknown,
      ${ask.redeliver} and exists (select from ${sql(schema)}.call where state = 'queued' and not parked and aside_attempt is distinct from attempt
        and due_at < now() - interval '2 seconds') as undelivered,
      exists (select from ${sql(schema)}.call where state not in ('queued', 'running') and due_at < now()) as retained`,
  );
  return (
    due ?? {
      lost: false,
      expired: false,
      cancelling: false,
      parked: false,
      aside: false,
      unknown: false,
      undelivered: false,
      retained: false,
    }
  );
}
