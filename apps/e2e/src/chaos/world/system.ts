/** The system under fire: Postgres, an API and its workers as processes of their own, with a link on every connection. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { environmentOf } from "../application/environment.ts";
import { type Historian, openHistory } from "../history.ts";
import type { Random } from "../random.ts";
import { type Child, startChild } from "./child.ts";
import { type Link, openLink } from "./link.ts";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";
import { openReceiver } from "./receiver.ts";

/** A process and its way to Postgres. */
export interface Member {
  readonly child: Child;
  readonly database: Link;
}

/** A running system. Disposing ends every process. */
export interface System extends AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly api: Member;
  readonly workers: readonly Member[];
  /** The clients' way to the API. */
  readonly clients: Link;
  /** Straight to Postgres. It survives restarts: a statement that fails may be repeated. */
  readonly sql: Sql;
  readonly historyDirectory: string;
  readonly note: Historian;
}

/** How a system is started. */
export interface SystemOptions {
  readonly workers: number;
  readonly leaseMs: number;
  /** Attempts at once in each worker. */
  readonly concurrency: number;
  readonly listen: boolean;
  /** Modules that every process loads before its program: mutations, failpoints. */
  readonly preload: readonly string[];
  /** Further variables of their environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether a process that ends by SIGKILL is no surprise: a poisonous call kills whichever worker runs it, and a sweep any. */
  readonly anyMayBeKilled: boolean;
  /** Chooses what the endpoint of the webhooks answers. */
  readonly random: Random;
}

/** Starts all of it; resolves when API and workers are ready. */
export async function startSystem(options: SystemOptions): Promise<System> {
  await using opening = new AsyncDisposableStack();
  const historyDirectory = await mkdtemp(join(tmpdir(), "raincheck-chaos-history-"));
  opening.defer(() => rm(historyDirectory, { recursive: true, force: true }));
  const note = openHistory(historyDirectory, "chaos");
  const server = opening.use(await startPostgres());
  const sql = postgres(server.url, { max: 2, onnotice: () => undefined, connection: { application_name: "chaos" } });
  opening.defer(() => sql.end({ timeout: 1 }));
  await sql`create table effect (call_id uuid not null, attempt int not null, tag text not null)`;
  await sql`create table reply (call_id uuid not null, state text not null, value text not null, at timestamptz not null default clock_timestamp())`;
  const { url: webhookUrl, secret } = opening.use(await openReceiver({ note, random: options.random }));
  const clients = opening.use(await openLink({ name: "clients", target: null, onReconnect: reconnected("clients") }));

  function reconnected(link: string): (cutAt: number) => void {
    return (cutAt) => note({ kind: "reconnected", link, cutAt });
  }

  async function startMember(name: string, file: string): Promise<Member> {
    const database = opening.use(await openLink({ name, target: server.port, onReconnect: reconnected(name) }));
    const url = new URL(server.url);
    url.port = String(database.port);
    const { leaseMs, concurrency, listen } = options;
    const child = startChild({
      name,
      file: new URL(`../application/${file}`, import.meta.url),
      // Half of what a process takes to start is compiling, and processes are started all the time.
      env: {
        NODE_COMPILE_CACHE: join(historyDirectory, "compiled"),
        ...options.env,
        ...environmentOf({
          databaseUrl: url.href,
          name,
          leaseMs,
          concurrency,
          listen,
          historyDirectory,
          webhook: { url: webhookUrl, secret },
        }),
      },
      preload: options.preload,
      note,
      mayDie: (signal) => signal === "SIGKILL" && (options.anyMayBeKilled || file === "worker.ts"),
      onReady: (said) => {
        if (typeof said === "object" && said !== null && "port" in said) clients.target = Number(said.port);
      },
    });
    opening.defer(() => child.close());
    return { child, database };
  }

  const api = await startMember("api", "api.ts");
  await api.child.ready();
  const workers: Member[] = [];
  for (let number = 1; number <= options.workers; number += 1) workers.push(await startMember(`worker-${number}`, "worker.ts"));
  await Promise.all(workers.map(({ child }) => child.ready()));
  const opened = opening.move();
  return {
    postgres: server,
    api,
    workers,
    clients,
    sql,
    historyDirectory,
    note,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
