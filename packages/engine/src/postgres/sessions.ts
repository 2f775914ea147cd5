/**
 * Sessions: connections that live once.
 *
 * A pool of postgres.js reconnects under the hands of whoever uses it, and then two things happen that a ledger cannot have
 * (release 3.4.9): a statement of a transaction whose connection has died is written to a socket that is no more, which ends
 * the process with an exception that nobody can catch (github.com/porsager/postgres/issues/1208), and the types that each new
 * connection asks for reject unheard when it dies in that moment. So a session is one instance of postgres.js with one
 * connection, which is refused a second one. When it breaks, what it was doing rejects, it is dropped, and the next user gets
 * another.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import postgres, { type Options, type Sql } from "postgres";
import type { Outages } from "./outage.ts";
import { type SessionLimits, begin, setLimits, singleStatements } from "./session-limits.ts";
import { isAnswered, isUnanswered } from "./unavailable.ts";
import { type SocketTarget, connectionError, wireOnce } from "./wire.ts";

/** How sessions are made. */
export interface SessionsOptions {
  readonly url: string;
  /** Sessions at once, at most. Whoever comes when all are in use waits for the first that is free. */
  readonly max: number;
  /** What the server calls them. */
  readonly applicationName: string;
  readonly limits: SessionLimits;
  /** Whether the connections are a pooler's, in transaction mode: then nothing may be set for a whole session. */
  readonly isPooled: boolean;
  /** Told of what the sessions meet, and refuses them during an outage; `null`: nobody. */
  readonly outages: Outages | null;
  /** How arrays are read and written, as another session has learned it of the server. */
  readonly arrays: ArrayTypes;
}

/** What postgres.js learns of the server's array types when it connects. */
export type ArrayTypes = Pick<Sql["options"], "parsers" | "serializers">;

/** A bounded number of sessions. */
export interface Sessions {
  /** The statement that begins a transaction. */
  readonly begin: string;
  /**
   * Runs `work` with a session that nobody else uses meanwhile. Its statements are sent in their order, without waiting for each other.
   * After `discard` the session has no next user: for one that is in a state that nobody knows.
   */
  use<TValue>(work: (session: Sql, discard: () => void) => Promise<TValue>): Promise<TValue>;
  /** Waits `timeoutMs` for the sessions that are in use, and closes all. Further uses reject. */
  end(timeoutMs: number): Promise<void>;
}

interface Session {
  readonly sql: Sql;
  /** Set when its connection has closed, or is to be. */
  broken: boolean;
  /** Rejects when its connection closes. */
  readonly closed: Promise<never>;
  /** Drops the connection, without a farewell: what it is used for rejects with this error. */
  readonly destroy: (error: Error) => void;
  /** Leaves the other end a moment to close the connection too. */
  readonly farewell: () => void;
  /** Starts or ends the watch for silence. */
  readonly watch: (isInUse: boolean) => void;
}

/** Postgres is near: a connection that takes longer is not coming. */
const connectTimeoutSeconds = 5;

/** Makes sessions; none is opened before it is used. */
export function openSessions(options: SessionsOptions): Sessions {
  const { outages } = options;
  const idle: Session[] = [];
  const inUse = new Set<Session>();
  const waiting: { take: (session: Session) => void; refuse: (error: Error) => void }[] = [];
  let ended = false;
  let drained = () => {};
  outages?.onBegin((error) => {
    for (const { refuse } of waiting.splice(0)) refuse(error);
    for (const session of inUse) session.destroy(error);
    for (const session of idle.splice(0)) void close(session);
  });

  function acquire(): Session | Promise<Session> {
    if (ended) throw connectionError("CONNECTION_ENDED");
    const refusal = outages?.refusal();
    if (refusal) throw refusal;
    const found = idle.pop() ?? (inUse.size < options.max ? openSession(options) : null);
    if (found === null) return new Promise((take, refuse) => waiting.push({ take, refuse }));
    inUse.add(found);
    return found.broken ? reopen(found) : found;
  }

  function reopen(broken: Session): Session {
    drop(broken);
    const session = openSession(options);
    inUse.add(session);
    return session;
  }

  function release(session: Session): void {
    const next = waiting.shift();
    if (next !== undefined) return next.take(session.broken ? reopen(session) : session);
    inUse.delete(session);
    if (session.broken || ended) void close(session);
    else idle.push(session);
    if (ended && inUse.size === 0) drained();
  }

  function drop(session: Session): void {
    inUse.delete(session);
    void close(session);
  }

  return {
    begin: options.isPooled ? `${begin}; ${setLimits(options.limits, "local")}` : begin,
    async use(work) {
      const session = await acquire();
      session.watch(true);
      try {
        // postgres.js does not reject a statement that is sent between a socket's error and its close.
        const value = await Promise.race([work(session.sql, () => void (session.broken = true)), session.closed]);
        outages?.heard();
        return value;
      } catch (error) {
        if (isUnanswered(error)) outages?.unheard(error);
        if (isAnswered(error)) outages?.heard();
        throw error;
      } finally {
        session.watch(false);
        release(session);
      }
    },
    async end(timeoutMs) {
      ended = true;
      for (const { refuse } of waiting.splice(0)) refuse(connectionError("CONNECTION_ENDED"));
      if (inUse.size > 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          drained = resolve;
          timer = setTimeout(resolve, timeoutMs);
        });
        clearTimeout(timer);
      }
      await Promise.all([...idle.splice(0), ...inUse].map(close));
    },
  };
}

/**
 * Opens one connection that asks the server for its array types, for the sessions that follow.
 *
 * @param work what else there is to do on it, before it closes.
 */
export async function learnArrayTypes(url: string, work: (sql: Sql) => Promise<void>): Promise<ArrayTypes> {
  const sql = postgres(url, {
    max: 1,
    connect_timeout: connectTimeoutSeconds,
    onnotice: () => undefined,
    connection: { application_name: "raincheck start" },
  });
  try {
    // The types are asked for before the first statement is sent. postgres.js itself would go on trying for ever.
    await inTime(sql`select`);
    await work(sql);
    return { parsers: sql.options.parsers, serializers: sql.options.serializers };
  } finally {
    await sql.end({ timeout: 0.5 });
  }
}

function openSession({ url, applicationName, limits, isPooled, arrays, outages }: SessionsOptions): Session {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  /** Of the server's process; not known behind a pooler. */
  let pid: number | null = null;
  const wire = wireOnce({
    limitMs: limits.silenceMs,
    async judge(silentMs) {
      const error = connectionError("CONNECTION_SILENT");
      // A pooler does not say which process of the server it was.
      const isOver = outages === null || (pid === null && silentMs > limits.statementMs);
      return isOver || (await outages.doubt(pid, error)) === "gone" ? error : null;
    },
    destroy: (error) => session.destroy(error),
  });
  // postgres.js reads `socket` from its options, though its types do not say so.
  const once: Options<Record<never, never>> & { socket: (target: SocketTarget) => Promise<Socket> } = {
    max: 1,
    max_lifetime: null,
    fetch_types: false,
    keep_alive: 10,
    connect_timeout: connectTimeoutSeconds,
    backoff: false,
    onnotice: () => undefined,
    onclose: () => {
      session.broken = true;
      reject(connectionError("CONNECTION_CLOSED"));
    },
    connection: { application_name: applicationName },
    socket: wire.connect,
  };
  const sql = postgres(url, once);
  Object.assign(sql.options.parsers, arrays.parsers);
  Object.assign(sql.options.serializers, arrays.serializers);
  const session: Session = {
    sql,
    broken: false,
    closed: promise,
    watch: wire.watch,
    farewell: wire.farewell,
    destroy(error) {
      session.broken = true;
      reject(error);
      wire.destroy();
    },
  };
  if (!isPooled) {
    // Not waited for: it goes ahead of the first statement.
    sql.unsafe<{ pid: number }[]>(`${setLimits(limits, "session")}; ${singleStatements}; select pg_backend_pid() as pid`).then(
      // Of several statements there are several results, which the types do not say.
      (results) => (pid = (results as unknown as { pid: number }[][]).at(-1)?.[0]?.pid ?? null),
      () => undefined,
    );
  }
  return session;
}

async function inTime<TValue>(connecting: PromiseLike<TValue>): Promise<TValue> {
  const late = new AbortController();
  const refuse = sleep((connectTimeoutSeconds + 1) * 1_000, undefined, { signal: late.signal }).then(() => {
    throw Object.assign(new Error("No connection was made in time."), { code: "CONNECT_TIMEOUT" });
  });
  try {
    return await Promise.race([connecting, refuse]);
  } finally {
    refuse.catch(() => undefined);
    late.abort();
  }
}

async function close({ sql, farewell }: Session): Promise<void> {
  await sql.end({ timeout: 0 }).catch(() => undefined);
  farewell();
}
