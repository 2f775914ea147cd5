/**
 * Looks now and then for what slows every call and only the server's operator can mend, before it does harm:
 *
 * - **a transaction that stays open.** While it does, nothing that has ended since can be cleaned up, and each claim steps over more of it.
 * - **a queue of notifications that fills**, because somebody listens and does not read. When it is full Postgres refuses every NOTIFY;
 *   calls then go on by the poll.
 *
 * A warning is told once, and again each ten minutes while its cause lasts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ServerWarning } from "../../engine-errors.ts";
import type { Sessions } from "../sessions/sessions.ts";

/** How a server is watched. */
export interface ServerWatchOptions {
  readonly control: Sessions;
  readonly onWarning: (warning: ServerWarning) => void;
  /** Between two looks, in milliseconds. */
  readonly everyMs?: number;
  /** Transactions are warned of that have been open for so long, in milliseconds. */
  readonly openForMs?: number;
  /** The part of the queue of notifications, from 0 to 1, from which on it is warned of. */
  readonly queueUsage?: number;
}

/** A watch that runs until closed. */
export interface ServerWatch {
  /** Resolves when the look that is under way has ended. */
  close(): Promise<void>;
}

const repeatMs = 600_000;

interface Sight {
  readonly queue_usage: number;
  /** The process that serves the oldest transaction; null: none is that old, or it is another role's and may not be seen. */
  readonly pid: number | null;
  readonly application_name: string | null;
  readonly open_for_s: number | null;
}

/** Starts watching in the background. A look that fails says nothing: whoever needs the server then is told so. */
export function startServerWatch(options: ServerWatchOptions): ServerWatch {
  const { control, onWarning, everyMs = 30_000, openForMs = 60_000, queueUsage = 0.25 } = options;
  const closing = new AbortController();
  const toldAtMs = new Map<ServerWarning["about"], number>();

  function tell(about: ServerWarning["about"], sentence: string | null): void {
    if (sentence === null) return void toldAtMs.delete(about);
    if (performance.now() - (toldAtMs.get(about) ?? -Infinity) < repeatMs) return;
    toldAtMs.set(about, performance.now());
    onWarning(new ServerWarning(about, sentence));
  }

  async function look(): Promise<void> {
    const [sight] = await control.use(
      (sql) => sql<Sight[]>`
      select pg_notification_queue_usage() as queue_usage, oldest.* from (values (true)) as always left join (
        select pid, application_name, extract(epoch from now() - xact_start)::int as open_for_s from pg_stat_activity
        where (backend_xmin is not null or backend_xid is not null) and datname = current_database() and backend_type = 'client backend'
          and xact_start < now() - ${openForMs}::float8 * interval '1 millisecond'
        order by xact_start limit 1
      ) as oldest on true`,
    );
    if (sight === undefined) return;
    tell("open-transaction", openTransaction(sight));
    tell("notification-queue", sight.queue_usage < queueUsage ? null : fillingQueue(sight));
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      await sleep(everyMs * (0.9 + Math.random() * 0.2), undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
      if (!closing.signal.aborted) await look().catch(() => undefined);
    }
  }

  const running = run();
  return {
    close() {
      closing.abort();
      return running;
    },
  };
}

function openTransaction({ pid, application_name: name, open_for_s: seconds }: Sight): string | null {
  if (pid === null) return null;
  return (
    `A transaction of process ${pid}${name === null || name === "" ? "" : ` (${name})`} has been open for ${seconds} seconds. ` +
    `Postgres cannot clean up what has ended since, and claims become slower while it lasts: end it, or \`select pg_terminate_backend(${pid})\`.`
  );
}

function fillingQueue({ queue_usage: usage }: Sight): string {
  return (
    `The server's queue of notifications is ${Math.round(usage * 100)} % full: a session listens and does not read, as one does that is idle in a ` +
    "transaction. Find it in pg_stat_activity and end it; when the queue is full, results come by the poll alone."
  );
}
