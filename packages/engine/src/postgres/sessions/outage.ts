/**
 * Outages: what the sessions of one engine have found out together about whether Postgres answers.
 *
 * ```
 *   it answers ──▶ three uses in a row met a broken connection, over a quarter of a second     ──▶ an outage
 *              ──▶ a session was silent for too long, and so, for a second more, was everybody ──▶ an outage
 *   an outage  ──▶ a probe was answered                                                        ──▶ it answers
 * ```
 *
 * During an outage nobody waits: what is in use is broken off, and every use is refused at once. A probe, a new connection, is sent
 * once or twice a second, whether the last one has failed or still waits, so that the return is noticed within a second even where
 * the bytes of the old connections are gone for good.
 *
 * A server that answers with an error is there: too many connections, a read-only server or a full disk are no outage. Nor is one
 * session's silence: the probe then asks the server what has become of it. It may be at work, on a large value perhaps; or a firewall has
 * forgotten the connection.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** What is known of a session that went silent. `working`: the server is still at it. `gone`: its answer will not come. */
export type Finding = "working" | "gone" | "away";

/**
 * Asks on a new connection; never rejects, and ends within a few seconds.
 *
 * @param pid of the server's process whose session went silent; `null`: whether anybody answers is the question.
 */
export type Probe = (pid: number | null) => Promise<Finding>;

/** See the file's head. */
export interface Outages {
  /** The error with which a use is refused; `null` when there is no outage. */
  refusal(): Error | null;
  /** Postgres has answered, be it with an error. */
  heard(): void;
  /** The connection of a use broke, or was not made. */
  unheard(error: unknown): void;
  /** A session has been silent for too long; see {@link Probe} for `pid`. When everybody is, an outage has begun. */
  doubt(pid: number | null, error: unknown): Promise<Finding>;
  /** Calls back when an outage begins. */
  onBegin(begin: (error: Error) => void): void;
  /** How long ago the last outage ended, in milliseconds; infinite when there was none, 0 during one. */
  endedAgoMs(): number;
  /** Sends no more probes. */
  close(): Promise<void>;
}

/** So many uses in a row without an answer, over so many milliseconds, are an outage. One connection that breaks is none. */
const outageFailures = 3;
const outageMs = 250;

/** How long a probe has to clear up a doubt, in milliseconds. */
const doubtMs = 1_000;

/** Between two probes, in milliseconds, drawn from half to all of it. */
const probeMs = 800;

/** The code of the error with which uses are refused during an outage. */
export const awayCode = "POSTGRES_AWAY";

/** Starts watching. */
export function watchForOutages(probe: Probe): Outages {
  const closing = new AbortController();
  const begins: ((error: Error) => void)[] = [];
  let failures = 0;
  let firstFailureMs = 0;
  let heardMs = -Infinity;
  let endedMs = -Infinity;
  let refusal: Error | null = null;
  let probing: Promise<void> | null = null;

  function begin(cause: unknown): void {
    if (refusal !== null || closing.signal.aborted) return;
    refusal = Object.assign(new Error("Postgres is away.", { cause }), { code: awayCode });
    for (const tell of begins) tell(refusal);
    probing = probeUntilEnd();
  }

  function end(): void {
    if (refusal === null) return;
    refusal = null;
    failures = 0;
    endedMs = performance.now();
  }

  async function probeUntilEnd(): Promise<void> {
    while (refusal !== null && !closing.signal.aborted) {
      await pause(probeMs * (0.5 + Math.random() / 2));
      if (closing.signal.aborted) return;
      void probe(null).then((found) => {
        if (found !== "away") end();
      });
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
  }

  return {
    refusal: () => refusal,
    heard() {
      failures = 0;
      heardMs = performance.now();
    },
    unheard(error) {
      failures += 1;
      if (failures === 1) firstFailureMs = performance.now();
      if (failures >= outageFailures && performance.now() - firstFailureMs >= outageMs) begin(error);
    },
    async doubt(pid, error) {
      const sinceMs = performance.now();
      const found = await Promise.race([probe(pid), pause(doubtMs).then(() => null)]);
      if (found !== null && found !== "away") return found;
      // The probe was slow, or refused; but somebody was answered meanwhile.
      if (heardMs > sinceMs) return "working";
      begin(error);
      return "away";
    },
    onBegin: (tell) => void begins.push(tell),
    endedAgoMs: () => (refusal === null ? performance.now() - endedMs : 0),
    async close() {
      closing.abort();
      await probing;
    },
  };
}
