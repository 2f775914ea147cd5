/** How figures and names are written for people. */
import type { Figure, Params } from "../report.ts";

const peers: Readonly<Record<string, string>> = {
  raincheck: "Raincheck",
  "raincheck-sync": "Raincheck, sync mode",
  "pg-boss": "pg-boss by hand",
  "graphile-worker": "graphile-worker",
  dbos: "DBOS, polls tuned",
  bullmq: "BullMQ, synced each second",
  "bullmq-fsync": "BullMQ, synced at each write",
  floor: "three bare commits",
  "trpc-sync": "plain tRPC",
  "trpc-subscription": "tRPC's own subscription",
  "bare-promises": "bare promises",
  "1000 rows": "1,000 calls in it",
};

/** A peer's name. */
export function peerName(peer: string): string {
  return peers[peer] ?? peer;
}

const params: Readonly<Record<string, (value: number | string) => string>> = {
  inFlight: (value) => (value === 1 ? "one at a time" : `${numberOf(value)} in flight`),
  producers: (value) => (value === 1 ? "1 producer" : `${numberOf(value)} producers`),
  bulk: (value) => `${numberOf(value)} in bulk`,
  workers: (value) => (value === 1 ? "1 worker" : `${numberOf(value)} workers`),
  processes: (value) => (value === 1 ? "1 API and worker process" : `${numberOf(value)} API and worker processes`),
  subscribers: (value) => `${numberOf(value)} subscribers`,
  link: (value) => (value === "ws" ? "WebSocket" : "HTTP batches and SSE"),
  rows: (value) => `${numberOf(value)} calls in the ledger`,
  calls: (value) => `${numberOf(value)} calls`,
  callsPerSecond: (value) => `${numberOf(value)} calls a second`,
  joining: (value) => (value === 1 ? "joining an open subscription" : "followed for long"),
  notifications: (value) => (value === 1 ? "with notifications" : "by the poll alone"),
  cuts: (value) => `${numberOf(value)} cuts`,
  races: (value) => `${numberOf(value)} races`,
  phase: (value) => ({ before: "before", open: "transaction open", after: "after it" })[value] ?? String(value),
  second: (value) => `second ${value}`,
};

/** With what something was measured: "HTTP batches and SSE, 256 in flight". */
export function paramsName(given: Params): string {
  return Object.entries(given)
    .map(([name, value]) => params[name]?.(value) ?? String(value))
    .join(", ");
}

/** What a metric is and its unit: "calls a second", "p99, ms". */
export function metricName(metric: string): string {
  const known = /^(p\d+|lastP\d+|max)Ms$/.exec(metric);
  if (known !== null) return `${known[1]!.replace("lastP", "last, p")}, ms`;
  const words = metric
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])/g, " ")
    .toLowerCase()
    .replace(/ per /, " a ")
    .replace(/^(.*) ms$/, "$1, ms");
  return words.replace("cpu", "CPU").replace("wal", "WAL").replace("rss", "RSS").replace("micros", "µs");
}

/** A number with three significant digits, or all of those before the point. */
export function numberOf(value: number | string): string {
  if (typeof value === "string") return value;
  const maximumFractionDigits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString("en", { maximumFractionDigits });
}

/** A figure with its spread. */
export function figureName({ median, min, max }: Figure): string {
  return min === max ? numberOf(median) : `${numberOf(median)} (${numberOf(min)} to ${numberOf(max)})`;
}

/** A ratio with its spread: "7.1× (6.8 to 7.4)". */
export function ratioName({ median, min, max }: Figure): string {
  return min === max ? `${numberOf(median)}×` : `${numberOf(median)}× (${numberOf(min)} to ${numberOf(max)})`;
}
