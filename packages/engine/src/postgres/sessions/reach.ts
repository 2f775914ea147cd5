import { EngineSetupError, EngineUnavailable } from "../../engine-errors.ts";
import { isUnavailable } from "./unavailable.ts";

/**
 * Checks a connection string without connecting.
 *
 * @throws {EngineSetupError} with one sentence that holds no password.
 */
export function checkUrl(url: string): void {
  if (!isConnectionString(url)) {
    throw new EngineSetupError(
      "The url of postgresEngine is not a Postgres connection string; expected postgres://user:password@host:port/database, with other characters than letters and digits written as %XX.",
    );
  }
}

function isConnectionString(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, host, username, password, pathname } = new URL(url);
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
  } catch {
    return false;
  }
  return /^postgres(?:ql)?:$/.test(protocol) && host !== "";
}

/**
 * Runs the first statements on a database, and says in one sentence why it cannot be used.
 *
 * @throws {EngineSetupError} when trying again will not help; {@link EngineUnavailable} when it may.
 */
export async function reach<TValue>(url: string, work: () => Promise<TValue>): Promise<TValue> {
  try {
    return await work();
  } catch (error) {
    const { host, pathname, username } = new URL(url);
    const database = pathname.slice(1) || username;
    switch (codeOf(error)) {
      case "28P01":
      case "28000":
        throw new EngineSetupError(
          `Postgres at ${host} refuses the user "${username}": check the user and the password in the url.`,
          error,
        );
      case "3D000":
        throw new EngineSetupError(`Postgres at ${host} has no database "${database}": create it, or name another in the url.`, error);
      case "42501":
        throw new EngineSetupError(
          `The role "${username}" may not create or read the ledger in database "${database}": grant it, or migrate as another role and start with migrate: false.`,
          error,
        );
      case "ENOTFOUND":
      case "EAI_AGAIN":
        throw new EngineSetupError(`No host named ${host} was found: check the url.`, error);
    }
    if (isUnavailable(error)) throw new EngineUnavailable(`connecting to Postgres at ${host}: ${codeOf(error) ?? "no answer"}`, error);
    throw error;
  }
}

function codeOf(error: unknown): string | null {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : null;
}
