import postgres, { type Options, type Sql } from "postgres";

/** Connections that the engine keeps for its own statements: lease, settle, claim, keep, read. */
const controlConnections = 4;

/** The fewest connections with which an engine works: control, listener, and one for the application. */
export const minConnections = controlConnections + 2;

const base = {
  // Postgres is near: a connection that takes longer is not coming.
  connect_timeout: 5,
  keep_alive: 10,
  // postgres.js waits up to 20 s by default before it tries again; a restart takes less than one.
  backoff: (tries: number) => Math.min(0.02 * 2 ** tries, 1) * (0.5 + Math.random() / 2),
  onnotice: () => undefined,
} satisfies Partial<Options<Record<never, never>>>;

/**
 * The pool for the engine's own statements. Each is short, so each has a limit: one frozen process must not hold a row for
 * long, and a statement that a lock keeps waiting fails and is repeated.
 */
export function openControl(url: string): Sql {
  return postgres(url, {
    ...base,
    max: controlConnections,
    connection: {
      application_name: "raincheck",
      statement_timeout: 15_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 2_000,
    },
  });
}

/** The pool for transactions that hold the application's writes. Their length is the application's business; idling in them is not. */
export function openApplication(url: string, max: number): Sql {
  return postgres(url, {
    ...base,
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
    ...base,
    ...callbacks,
    max: 1,
    max_lifetime: null,
    idle_timeout: 0,
    fetch_types: false,
    connection: { application_name: "raincheck listener" },
  };
  return postgres(url, options);
}
