/**
 * Claiming: deliveries are taken and their calls marked as running in one transaction. A delivery whose call is not claimable
 * (cancelled, or its parent is; expired, taken by an earlier delivery, not due) is dropped with it: the ledger decides. Of limited
 * calls the gate says which may begin; a claim without one costs nothing for it.
 */
import type { TransactionSql } from "postgres";
import type { ClaimedCall, ClaimRequest } from "../../claim-request.ts";
import { noteAside } from "../aside/aside-paths.ts";
import { makeBeginning } from "./beginning.ts";
import { Places } from "../aside/places.ts";
import { type SetAside, setAside } from "../aside/set-aside.ts";
import { takeAside } from "../aside/take-aside.ts";
import type { Ledger } from "../ledger.ts";
import { cancelLeft } from "../cancelling/pass-on-cancels.ts";
import { executorOf, inTransaction } from "../sessions/transaction.ts";
import { whileAvailable } from "../sessions/unavailable.ts";

/** See `Engine.claim`. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<readonly ClaimedCall[]> {
  await whileAvailable("claim", () => ledger.delivery.prepare(request.queues));
  const { claimed, left, aside, unseen, unfinished } = await whileAvailable("claim", () =>
    inTransaction(ledger.control, (transaction) => claimIn(ledger, transaction, request)),
  );
  const begun = claimed.map(({ id }) => id);
  if (claimed.length > 0) ledger.wakes.changed(begun, "open");
  noteAside(ledger, aside);
  void ledger.gate.open(unseen);
  void cancelLeft(ledger, left);
  for (const queue of unfinished) ledger.wakes.runnable(queue, 0);
  return claimed;
}

/** Deliveries of one queue are taken at most so many times in one claim. */
const maxRounds = 16;

interface Claim {
  readonly claimed: readonly ClaimedCall[];
  /** Of the calls that were delivered, or had been set aside, those that did not begin. */
  readonly left: readonly string[];
  /** Of the calls that were delivered, those that were set aside. */
  readonly aside: readonly SetAside[];
  /** Paths whose gate is to be opened after the commit. */
  readonly unseen: readonly string[];
  /** Queues that gave nothing but dropped deliveries until the claim broke off: who claims is woken to go on. */
  readonly unfinished: readonly string[];
}

async function claimIn(ledger: Ledger, transaction: TransactionSql, request: ClaimRequest): Promise<Claim> {
  const unfinished: string[] = [];
  const taken: string[] = [];
  const aside: SetAside[] = [];
  const places = new Places(request);
  const beginning = makeBeginning(ledger, transaction, { ...request, places });
  const { claimed, unseen } = beginning;

  /** Sets aside, or begins, what was delivered. */
  async function decide(ids: readonly string[]): Promise<void> {
    const withheld = await setAside(ledger, transaction, { ids, places });
    aside.push(...withheld);
    // The entrance that a limited call leaves unused is another's of its path.
    unseen.push(...withheld.flatMap(({ limited_path }) => limited_path ?? []));
    await beginning.beginCalls(ids.filter((id) => !withheld.some((one) => one.id === id)));
  }

  /** Dropped deliveries leave room: taken again, until the queue has no more or so many calls are claimed. */
  async function takeDelivered(queue: string, limit: number): Promise<void> {
    for (let round = 0; claimed.length < limit; round += 1) {
      if (round === maxRounds) return void unfinished.push(queue);
      const wanted = limit - claimed.length;
      const { ids, acknowledge } = await ledger.delivery.take(executorOf(transaction), queue, wanted);
      if (ids.length === 0) return;
      taken.push(...ids);
      await Promise.all([decide(ids), acknowledge()]);
      if (ids.length < wanted) return;
    }
  }

  const { capped } = request;
  let cappedPlaces = capped?.places ?? 0;
  for (const queue of request.queues) {
    const before = claimed.length;
    const isCapped = capped?.queues.includes(queue) === true;
    const limit = isCapped ? Math.min(request.limit, before + cappedPlaces) : request.limit;
    const earlier = await takeAside(ledger, transaction, { queue, limit: limit - before, places });
    taken.push(...earlier);
    await beginning.beginCalls(earlier);
    await takeDelivered(queue, limit);
    if (isCapped) cappedPlaces -= claimed.length - before;
  }
  const begun = new Set(claimed.map(({ id }) => id));
  return { claimed, left: taken.filter((id) => !begun.has(id)), aside, unseen, unfinished };
}
