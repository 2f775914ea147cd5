import type { Socket } from "node:net";
import postgres, { type Options, type Sql } from "postgres";
import type { ArrayTypes } from "./array-types.ts";
import type { Outages } from "./outage.ts";
import { type SessionLimits, setLimits, singleStatements } from "./session-limits.ts";
import { type SocketTarget, connectionError, wireOnce } from "./wire.ts";

/** Postgres is near: a connection that takes longer is not coming. */
const connectTimeoutSeconds = 5;

/** How a session is made. */
export interface SessionOptions {
  readonly url: string;
  /** What the server calls it. */
  readonly applicationName: string;
  readonly limits: SessionLimits;
  /** Whether the connection is a pooler's, in transaction mode: then nothing may be set for a whole session. */
  readonly isPooled: boolean;
  /** Told of what the session meets, and refuses it during an outage; `null`: nobody. */
  readonly outages: Outages | null;
  /** How arrays are read and written, as another session has learned it of the server. */
  readonly arrays: ArrayTypes;
}

/** A connection that lives once; see `sessions.ts`. */
export interface Session {
  readonly sql: Sql;
  /** Set when its connection has closed, or is to be. */
  broken: boolean;
  /** Calls back when its connection closes, or has closed, until the returned function is called. */
  readonly onClosed: (tell: (error: Error) => void) => () => void;
  /** Drops the connection, without a farewell: what it is used for rejects with this error. */
  readonly destroy: (error: Error) => void;
  /** Leaves the other end a moment to close the connection too. */
  readonly farewell: () => void;
  /** Starts or ends the watch for silence. */
  readonly watch: (isInUse: boolean) => void;
}

/** Opens a session: it connects at its first statement. */
export function openSession({ url, applicationName, limits, isPooled, arrays, outages }: SessionOptions): Session {
  let closedWith: Error | null = null;
  const toTell = new Set<(error: Error) => void>();
  const closed = (error: Error): void => {
    closedWith ??= error;
    for (const tell of toTell) tell(closedWith);
  };
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
      closed(connectionError("CONNECTION_CLOSED"));
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
    onClosed(tell) {
      if (closedWith === null) toTell.add(tell);
      else tell(closedWith);
      return () => toTell.delete(tell);
    },
    watch: wire.watch,
    farewell: wire.farewell,
    destroy(error) {
      session.broken = true;
      closed(error);
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

/** Closes a session, whatever it is at. */
export async function closeSession({ sql, farewell }: Session): Promise<void> {
  await sql.end({ timeout: 0 }).catch(() => undefined);
  farewell();
}
