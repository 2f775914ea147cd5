import postgres, { type Options, type Sql } from "postgres";
import { type ArrayTypes, learnArrayTypes, noArrayTypes } from "./array-types.ts";
import type { Finding } from "./outage.ts";
import { applicationLimits, controlLimits, startLimits } from "./session-limits.ts";
import { type Sessions, type SessionsOptions, openSessions } from "./sessions.ts";
import { isAnswered } from "./unavailable.ts";

/** Connections that the engine keeps for its own statements: lease, settle, claim, keep, read. */
const controlConnections = 4;

/** The fewest connections with which an engine works: control, listener, and one for the application. */
export const minConnections = controlConnections + 2;

/** How the sessions of one engine are made. */
export type ConnectionOptions = Pick<SessionsOptions, "url" | "arrays" | "isPooled" | "outages">;

/** The sessions for the engine's own statements. */
export function openControl(options: ConnectionOptions): Sessions {
  return openSessions({ ...options, applicationName: "raincheck", limits: controlLimits, max: controlConnections });
}

/** The sessions for transactions that hold the application's writes. */
export function openApplication(options: ConnectionOptions, max: number): Sessions {
  return openSessions({
    ...options,
    applicationName: "raincheck application",
    limits: applicationLimits,
    max: max - controlConnections - 1,
  });
}

/**
 * Runs statements on a session that is there for them alone, and learns how arrays are read and written, for the sessions that follow.
 *
 * @param work runs when the arrays are learned.
 */
export async function atStart(url: string, work: (sql: Sql) => Promise<void>): Promise<ArrayTypes> {
  const options = { url, arrays: noArrayTypes, isPooled: true, outages: null, applicationName: "raincheck start" };
  const sessions = openSessions({ ...options, limits: startLimits, max: 1 });
  try {
    return await sessions.use(async (sql) => {
      const arrays = await learnArrayTypes(sql);
      Object.assign(sql.options.parsers, arrays.parsers);
      Object.assign(sql.options.serializers, arrays.serializers);
      await work(sql);
      return arrays;
    });
  } finally {
    await sessions.end(0);
  }
}

/** See {@link Probe}. Asks on a connection of its own, once. */
export async function probe(options: Omit<ConnectionOptions, "outages">, pid: number | null): Promise<Finding> {
  const sessions = openSessions({ ...options, outages: null, applicationName: "raincheck probe", limits: controlLimits, max: 1 });
  try {
    const working = await sessions.use((sql) => sql`select from pg_stat_activity where pid = ${pid} and state = 'active'`);
    return pid === null || working.length > 0 ? "working" : "gone";
  } catch (error) {
    return isAnswered(error) ? "working" : "away";
  } finally {
    await sessions.end(0);
  }
}

/** What a listening connection calls back. */
export interface ListenerCallbacks {
  readonly onnotify: (channel: string, payload: string) => void;
  readonly onclose: () => void;
}

/** A connection of its own for LISTEN: it never closes by itself. */
export function openListener(url: string, callbacks: ListenerCallbacks): Sql {
  // postgres.js reads `onnotify` from its options, though its types do not say so.
  const options: Options<Record<never, never>> & ListenerCallbacks = {
    ...callbacks,
    max: 1,
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: 5,
    keep_alive: 10,
    fetch_types: false,
    backoff: false,
    onnotice: () => undefined,
    connection: { application_name: "raincheck listener" },
  };
  return postgres(url, options);
}
