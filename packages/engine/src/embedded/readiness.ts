import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { EngineSetupError } from "../engine-errors.ts";
import { urlOf } from "./credentials.ts";
import { statusInPidFile } from "./pid-file.ts";
import type { Place } from "./place.ts";
import { sentenceOf } from "./setup-sentence.ts";

/** How long a server may take to start or stop before that counts as a failure: a crash recovery may be long. */
export const patienceMs = 60_000;

/** How often a state is looked at that nobody announces. */
export const pollMs = 10;

/** How a server answers that is starting, recovering or stopping; every other refusal is final. */
const notYet = new Set<string | undefined>([
  "57P01",
  "57P02",
  "57P03",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
]);

/**
 * Waits until a server takes connections with the password.
 *
 * @returns `ended` when it stopped instead.
 * @throws {EngineSetupError} when it refuses the password, or does neither in a minute.
 */
export async function waitUntilReady(options: {
  readonly place: Place;
  readonly port: number;
  readonly password: string;
  readonly hasEnded: () => boolean;
}): Promise<"ready" | "ended"> {
  const { place, port, password, hasEnded } = options;
  const giveUpAt = performance.now() + patienceMs;
  let refusal: Refusal | null = null;
  for (;;) {
    if (hasEnded()) return "ended";
    if (statusInPidFile(place.data) !== "starting") {
      refusal = await connectOnce(urlOf(password, port));
      if (refusal === null) return "ready";
      if (refusal.code === "28P01") {
        throw new EngineSetupError(
          `The Postgres that runs on ${place.data} refuses the password in ${place.credentials}: stop it, or restore the file, or delete both to start with an empty database.`,
          refusal,
        );
      }
      if (!notYet.has(refusal.code)) {
        throw new EngineSetupError(sentenceOf("connect to the embedded Postgres", refusal.message, place), refusal);
      }
    }
    if (performance.now() > giveUpAt) {
      throw new EngineSetupError(
        `The Postgres that runs on ${place.data} took no connection within ${patienceMs / 1000} s; ${place.log} may say why.`,
        refusal,
      );
    }
    await sleep(pollMs);
  }
}

interface Refusal {
  readonly message: string;
  /** Postgres's, Node's or postgres.js's. */
  readonly code?: string;
}

/** `null`: the server takes connections. */
async function connectOnce(url: string): Promise<Refusal | null> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, fetch_types: false, onnotice: () => {} });
  try {
    // The empty statement: what is asked for is the connection.
    await sql.unsafe("");
    return null;
  } catch (error) {
    const refusal = error as Refusal;
    // Every connection is taken, so it runs.
    return refusal.code === "53300" ? null : refusal;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
