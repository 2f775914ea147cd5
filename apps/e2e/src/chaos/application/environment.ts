import { type Historian, openHistory } from "../history.ts";

/** What a process of the application is told by whoever starts it. */
export interface ChaosEnvironment {
  /** Of Postgres, through this process's link. */
  readonly databaseUrl: string;
  /** The process's name in the history. */
  readonly name: string;
  /** Writes the process's history. */
  readonly note: Historian;
  readonly leaseMs: number;
  /** Attempts at once in each worker. */
  readonly concurrency: number;
  /** `false`: no notifications, everything is found by the poll. */
  readonly listen: boolean;
  /** Where webhooks are posted, and what they are signed with. */
  readonly webhook: { readonly url: string; readonly secret: string };
}

/** Reads it from the environment's variables, as `environmentOf` wrote them. */
export function chaosEnvironment(variables: NodeJS.ProcessEnv): ChaosEnvironment {
  const read = (name: string): string => {
    const value = variables[name];
    if (value === undefined) throw new Error(`${name} is not set: this program is started by the chaos run.`);
    return value;
  };
  const name = read("CHAOS_NAME");
  return {
    databaseUrl: read("CHAOS_DATABASE_URL"),
    name,
    note: openHistory(read("CHAOS_HISTORY"), name),
    leaseMs: Number(read("CHAOS_LEASE_MS")),
    concurrency: Number(read("CHAOS_CONCURRENCY")),
    listen: read("CHAOS_LISTEN") === "true",
    webhook: { url: read("CHAOS_WEBHOOK_URL"), secret: read("CHAOS_WEBHOOK_SECRET") },
  };
}

/** The variables that {@link chaosEnvironment} reads. */
export function environmentOf(given: Omit<ChaosEnvironment, "note"> & { readonly historyDirectory: string }): Record<string, string> {
  return {
    CHAOS_DATABASE_URL: given.databaseUrl,
    CHAOS_NAME: given.name,
    CHAOS_HISTORY: given.historyDirectory,
    CHAOS_LEASE_MS: String(given.leaseMs),
    CHAOS_CONCURRENCY: String(given.concurrency),
    CHAOS_LISTEN: String(given.listen),
    CHAOS_WEBHOOK_URL: given.webhook.url,
    CHAOS_WEBHOOK_SECRET: given.webhook.secret,
  };
}
