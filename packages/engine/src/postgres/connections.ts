import postgres, { type Options, type Sql } from "postgres";
import { type ArrayTypes, type Sessions, openSessions } from "./sessions.ts";

/** Connections that the engine keeps for its own statements: lease, settle, claim, keep, read. */
const controlConnections = 4;

/** The fewest connections with which an engine works: control, listener, and one for the application. */
export const minConnections = controlConnections + 2;

/**
 * The sessions for the engine's own statements. Each is short, so each has a limit: one frozen process must not hold a row for
 * long, and a statement that a lock keeps waiting fails and is repeated.
 */
export function openControl(url: string, arrays: ArrayTypes): Sessions {
  return openSessions({
    url,
    arrays,
    max: controlConnections,
    connection: {
      application_name: "raincheck",
      // Whatever the role or the database says: what is read under a lock must be what was committed before it was had.
      default_transaction_isolation: "read committed",
      statement_timeout: 15_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 2_000,
    },
  });
}

/** The sessions for transactions that hold the application's writes. Their length is the application's business; idling in them is not. */
export function openApplication(url: string, arrays: ArrayTypes, max: number): Sessions {
  return openSessions({
    url,
    arrays,
    max: max - controlConnections - 1,
    connection: { application_name: "raincheck application", idle_in_transaction_session_timeout: 30_000 },
  });
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
