/**
 * The lanes in which the calls of a process are accepted. What waits in one is bounded: beyond, calls are refused as `EngineFull`, so a process
 * that is asked for more than Postgres takes says so, and does not gather until its memory ends.
 *
 * Who accepts a call whose idempotency key stands in another open transaction must wait for that to end, and so must everything that is
 * written in the same statement. A caller's transaction may be open for long, so nobody shall wait for it but the calls of that key:
 *
 * - Calls without a key are gathered for themselves, and wait for nobody.
 * - A batch of calls with keys waits a moment. Then one of the keys is held: the batch is taken apart, eight parts at each turn, until
 *   the calls are found that do not come through. All others are accepted. Of one key one call is enough to know.
 * - A held call waits in the line of its key, and whoever comes with that key meanwhile, behind it. The first of a line tries again and
 *   again, one line at a time, so that together they take one session at most; after a while it is refused as `EngineUnavailable`, and with
 *   it all of the line that have waited as long.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { EngineFull, EngineUnavailable } from "../../engine-errors.ts";
import type { NewCall } from "../../new-call.ts";
import { groupCommit } from "../../group-commit.ts";
import { type AcceptResult, KeyHeld, acceptBatch } from "./accept.ts";
import { keyHashOf } from "./call-row.ts";
import type { Ledger } from "../ledger.ts";
import { maxBatchBytes, maxBatchCalls } from "../batch-limits.ts";
import { isRefused } from "../sessions/unavailable.ts";

/** How long a batch waits for a key, in milliseconds: a multiple of what one acceptance takes that is not held up itself. */
const batchLockMs = 200;

/** How long a part of such a batch waits, and a call whose key was held. */
const apartLockMs = 25;

/** Parts of a batch that is taken apart. */
const parts = 8;

/** Between two tries for a held key, in milliseconds, drawn from half to all of it. */
const pauseMs = 100;

/** After this long a call whose key is held is refused, in milliseconds. */
const heldMs = 5_000;

/** Of the calls that wait in one lane at most. */
const maxWaitingMiB = 64;

/** What a call weighs: its texts, and about what its other columns take. */
function bytesOf({ input, context }: NewCall): number {
  return 512 + input.length + context.length;
}

const room = {
  maxBytes: maxWaitingMiB * 1_048_576,
  refuse: () =>
    new EngineFull(`Calls of ${maxWaitingMiB} MiB wait to be written by this process already; start fewer at once, or try again later.`),
};

/** How the one ahead in a line fared: its key was still held, or not. */
type LineEnd = "held" | "free";

/** A call's key was held for too long. */
class KeyStaysHeld extends EngineUnavailable {
  constructor(held?: KeyHeld) {
    super("accept: its idempotency key is in an open transaction", held);
  }
}

/** Makes the lanes; see the file's head. */
export function acceptLanes(ledger: Ledger): (call: NewCall) => Promise<AcceptResult> {
  const lane = (maxItems: number, write: (calls: readonly NewCall[]) => Promise<readonly (AcceptResult | Promise<AcceptResult>)[]>) =>
    groupCommit<NewCall, AcceptResult>({ write, maxItems, bytesOf, maxBatchBytes, room, isItemsFault: isRefused });
  const unkeyed = lane(maxBatchCalls, (calls) => acceptBatch(ledger, calls));
  const keyed = lane(maxBatchCalls, (calls) => acceptKeyed(calls, batchLockMs));
  const heldCall = lane(1, (calls) => acceptBatch(ledger, calls, apartLockMs));
  /** The ends of the lines, by the hashes of their keys. */
  const lines = new Map<string, Promise<LineEnd>>();

  const isInLine = (call: NewCall): boolean => lines.size > 0 && lines.has(keyHashOf(call) ?? "");

  /** A held call's answer comes later than those of its batch. */
  async function acceptKeyed(calls: readonly NewCall[], lockMs: number): Promise<(AcceptResult | Promise<AcceptResult>)[]> {
    if (calls.some(isInLine)) {
      const lined = new Map(calls.filter(isInLine).map((call) => [call, standInLine(call)]));
      const free = calls.filter((call) => !lined.has(call));
      const answers = free.length === 0 ? [] : await acceptKeyed(free, lockMs);
      return calls.map((call) => lined.get(call) ?? answers[free.indexOf(call)]!);
    }
    try {
      return await acceptBatch(ledger, calls, lockMs);
    } catch (error) {
      if (!(error instanceof KeyHeld)) throw error;
      const [call] = calls;
      if (calls.length === 1 && call !== undefined) return [standInLine(call)];
      const size = Math.ceil(calls.length / parts);
      const results = [];
      for (let from = 0; from < calls.length; from += size) results.push(await acceptKeyed(calls.slice(from, from + size), apartLockMs));
      return results.flat();
    }
  }

  function standInLine(call: NewCall): Promise<AcceptResult> {
    const key = keyHashOf(call) ?? "";
    const untilMs = performance.now() + heldMs;
    const ahead = lines.get(key) ?? Promise.resolve<LineEnd>("free");
    const accepting = ahead.then((end) => {
      // Who has waited as long as the one ahead, who has just been refused, would be refused too.
      if (end === "held" && performance.now() >= untilMs) throw new KeyStaysHeld();
      return acceptUntil(call, untilMs);
    });
    const end = accepting
      .then(
        (): LineEnd => "free",
        (error: unknown): LineEnd => (error instanceof KeyStaysHeld ? "held" : "free"),
      )
      .finally(() => {
        if (lines.get(key) === end) lines.delete(key);
      });
    lines.set(key, end);
    return accepting;
  }

  async function acceptUntil(call: NewCall, untilMs: number): Promise<AcceptResult> {
    for (;;) {
      try {
        return await heldCall(call);
      } catch (error) {
        if (!(error instanceof KeyHeld)) throw error;
        if (performance.now() >= untilMs) throw new KeyStaysHeld(error);
        await sleep(pauseMs * (0.5 + Math.random() / 2));
      }
    }
  }

  return (call) => {
    if (call.idempotencyKey === null) return unkeyed(call);
    return isInLine(call) ? standInLine(call) : keyed(call);
  };
}
