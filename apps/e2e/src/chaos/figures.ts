/** What a run measures: how soon things happened, from what was seen and written. */
import { type Evidence, type LedgerEvent, groupBy, sightsOf } from "./check/evidence.ts";

/** Two percentiles in milliseconds, and of how many values; null: of none. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly count: number;
}

/** See the file's head. */
export interface Figures {
  /** From the SIGKILL of a worker to the next attempt of what it ran. */
  readonly redispatchMs: Percentiles;
  /** From the end of a call to the client that follows it. */
  readonly deliveryMs: Percentiles;
  /** From a client's reconnection to its hearing of calls that had ended while it was away. */
  readonly deliveryAfterReconnectMs: Percentiles;
  /** From the end of a call to the row that the consumer of its reply has written. */
  readonly replyMs: Percentiles;
  /** From the end of a call to the first post that its webhook's endpoint has taken. */
  readonly webhookMs: Percentiles;
  /** From the answer to a cancel to the signal of the attempt that ran. */
  readonly cancelToldMs: Percentiles;
  /** Of the API process that lived longest; null: none lived long enough. */
  readonly heapSlopeBytesPerSecond: number | null;
}

/** Measures a run. */
export function measure(evidence: Evidence): Figures {
  return {
    redispatchMs: percentiles(redispatches(evidence)),
    deliveryMs: percentiles(deliveries(evidence).map(({ delayMs }) => delayMs)),
    deliveryAfterReconnectMs: percentiles(deliveriesAfterReconnect(evidence)),
    replyMs: percentiles(untilTold(evidence, evidence.replies)),
    webhookMs: percentiles(untilTold(evidence, firstTaken(evidence))),
    cancelToldMs: percentiles(cancelsTold(evidence)),
    heapSlopeBytesPerSecond: heapSlope(evidence),
  };
}

function redispatches({ history, events }: Evidence): number[] {
  const kills = sightsOf(history, "fault").filter(({ fault }) => fault === "sigkill");
  const starts = groupBy(sightsOf(history, "resolver-started"), ({ by }) => by);
  const ended = new Set(sightsOf(history, "resolver-ended").map(({ id, attempt }) => `${id} ${attempt}`));
  return kills.flatMap(({ target, at }) =>
    (starts.get(target) ?? [])
      .filter((start) => start.at <= at && !ended.has(`${start.id} ${start.attempt}`))
      .flatMap(({ id, attempt }) => {
        const all = events.get(id) ?? [];
        // Running when its worker was killed: it was neither settled nor handed back before.
        if (!all.some((event) => isLoss(event, attempt)) || all.some((event) => isEndOf(event, attempt) && event.at < at)) return [];
        const next = all.find((event) => event.type === "started" && event.attempt === attempt + 1);
        return next === undefined ? [] : [next.at - at];
      }),
  );
}

function isLoss({ type, attempt, body }: LedgerEvent, of: number): boolean {
  return type === "retrying" && attempt === of && (JSON.parse(body ?? "{}") as { reason?: string }).reason === "lost";
}

function isEndOf({ type, attempt }: LedgerEvent, of: number): boolean {
  return attempt === of && type !== "started" && type !== "progress";
}

interface Delivery {
  readonly settledAt: number;
  readonly seenAt: number;
  readonly delayMs: number;
}

function deliveries({ calls, history }: Evidence): Delivery[] {
  const endedAt = new Map(calls.map((call) => [call.id, call.endedAt]));
  return sightsOf(history, "ended").flatMap(({ id, at, follower }) => {
    const settledAt = endedAt.get(id) ?? null;
    // A second follower may have come when the call had ended.
    return settledAt === null || follower !== "first" ? [] : [{ settledAt, seenAt: at, delayMs: Math.max(0, at - settledAt) }];
  });
}

function deliveriesAfterReconnect(evidence: Evidence): number[] {
  const gaps = sightsOf(evidence.history, "reconnected").filter(({ link }) => link === "clients");
  return deliveries(evidence).flatMap(({ settledAt, seenAt }) => {
    const gap = gaps.find(({ cutAt, at }) => settledAt >= cutAt && settledAt <= at && seenAt >= at);
    return gap === undefined ? [] : [seenAt - gap.at];
  });
}

function untilTold({ calls }: Evidence, told: readonly { readonly id: string; readonly at: number }[]): number[] {
  const endedAt = new Map(calls.map((call) => [call.id, call.endedAt]));
  return told.flatMap(({ id, at }) => {
    const settledAt = endedAt.get(id) ?? null;
    return settledAt === null ? [] : [Math.max(0, at - settledAt)];
  });
}

function firstTaken({ history }: Evidence): { readonly id: string; readonly at: number }[] {
  const taken = groupBy(
    sightsOf(history, "posted").filter(({ answer }) => answer === "taken"),
    ({ call }) => call,
  );
  return [...taken].map(([id, [first]]) => ({ id, at: first!.at }));
}

function cancelsTold({ history }: Evidence): number[] {
  const told = groupBy(
    sightsOf(history, "resolver-aborted").filter(({ reason }) => reason === "cancelled"),
    ({ id }) => id,
  );
  return sightsOf(history, "cancelled").flatMap(({ id, at, ended }) => {
    const first = told.get(id)?.[0];
    return first === undefined || !ended ? [] : [Math.max(0, first.at - at)];
  });
}

/** Shorter lives say nothing: a process grows while it warms up. */
const leastLifeSamples = 20;

/** The slope of the line through the second half of the samples of the API's longest life. */
function heapSlope({ history }: Evidence): number | null {
  const lives: { at: number; bytes: number }[][] = [[]];
  for (const entry of history) {
    if (entry.kind === "exited" && entry.by === "api") lives.push([]);
    if (entry.kind === "heap") lives.at(-1)!.push(entry);
  }
  const longest = lives.sort((one, other) => other.length - one.length)[0]!;
  if (longest.length < leastLifeSamples) return null;
  const samples = longest.slice(longest.length >> 1);
  const meanAt = mean(samples.map(({ at }) => at));
  const meanBytes = mean(samples.map(({ bytes }) => bytes));
  const covariance = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - meanBytes), 0);
  const variance = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return Math.round((covariance / variance) * 1_000);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** By nearest rank. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (percent: number): number | null => {
    const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
    return value === undefined ? null : Math.round(value);
  };
  return { p50: at(50), p99: at(99), count: sorted.length };
}
