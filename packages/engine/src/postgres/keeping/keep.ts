/**
 * The keeper: what must happen to calls though nobody asks. Every process with an engine keeps; each pass takes what no other
 * pass holds (`skip locked`), so any number of them do no harm, and one that dies in the middle leaves its rows to the next.
 *
 * A pass begins with one cheap question, whether there is anything to do. In a quiet ledger that is all it costs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { giveUpUnknown } from "../aside/give-up-unknown.ts";
import { lookAside } from "../aside/look-aside.ts";
import { expireDue } from "./expire.ts";
import { pathsWithRoom } from "../claiming/gate.ts";
import type { Ledger } from "../ledger.ts";
import { passOnCancels } from "../cancelling/pass-on-cancels.ts";
import { reapLost } from "./reap.ts";
import { makeRedelivery } from "./redeliver.ts";
import { tellOverdue } from "../replying/tell-overdue.ts";
import { deleteRetained } from "./retain.ts";
import { whatIsDue } from "./what-is-due.ts";

/** Between two passes, in milliseconds, drawn from 0.75 to 1.25 of it. With the lease it bounds how long a lost call stays lost. */
const passMs = 400;

/** Between two looks for lost deliveries, in milliseconds: in a backlog they cost more than the other passes and find nothing. */
const redeliverMs = 2_000;

/**
 * For so long after an outage of this process no lease is taken for ended, in milliseconds; `what-is-due.ts` says the same of the
 * server's. Nobody could extend one meanwhile; their workers come back within a second or two, and settle what they have finished or
 * hand back what they have not.
 */
const returnMs = 3_000;

/** Keeps until stopped. */
export interface Keeper {
  /** Resolves when the pass that is under way has ended. */
  stop(): Promise<void>;
}

/**
 * Starts keeping. An act that fails is left to the next pass, for its transaction changed nothing, and keeps the pass from none of the
 * others; `onError` is told of it once, until it succeeds again.
 */
export function startKeeper(ledger: Ledger, onError: (error: unknown) => void): Keeper {
  const stopping = new AbortController();
  const redeliver = makeRedelivery(ledger);
  const failing = new Set<string>();
  let redeliverAtMs = 0;

  async function act<TValue>(name: string, work: () => Promise<TValue>): Promise<TValue | null> {
    try {
      const value = await work();
      failing.delete(name);
      return value;
    } catch (error) {
      if (!failing.has(name) && !stopping.signal.aborted) onError(error);
      failing.add(name);
      return null;
    }
  }

  async function pass(): Promise<void> {
    const isRedeliverDue = performance.now() >= redeliverAtMs;
    const due = await act("ask", () => whatIsDue(ledger, { redeliver: isRedeliverDue, returnMs }));
    if (due === null) return;
    if (due.expired) await act("expire", () => expireDue(ledger));
    if (due.lost && ledger.outages.endedAgoMs() >= returnMs) await act("reap", () => reapLost(ledger));
    if (due.cancelling) await act("pass cancels on", () => passOnCancels(ledger));
    if (due.untold) await act("tell", () => tellOverdue(ledger));
    if (due.retained) await act("delete", () => deleteRetained(ledger));
    if (due.unknown) await act("give up", () => giveUpUnknown(ledger));
    if (due.aside || !ledger.aside.isEmpty) await act("look aside", () => lookAside(ledger));
    if (due.parked) await act("open the gate", async () => ledger.gate.open(await pathsWithRoom(ledger)));
    if (isRedeliverDue) redeliverAtMs = performance.now() + redeliverMs;
    if (due.undelivered) await act("redeliver", redeliver);
  }

  async function keep(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pass();
      await sleep(passMs * (0.75 + Math.random() / 2), undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  const kept = keep();
  return {
    stop() {
      stopping.abort();
      return kept;
    },
  };
}
