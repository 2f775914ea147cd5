import type { PeerResult } from "../report.ts";

/** Bars of one metric: a group for each set of parameters, a bar for each peer. */
export interface Bars {
  readonly kind: "bars";
  readonly metric: string;
  /** What the bars show, with its unit, and which way is better. */
  readonly title: string;
  readonly only?: (result: PeerResult) => boolean;
}

/** Lines of some metrics over a parameter. */
export interface Lines {
  readonly kind: "lines";
  readonly metrics: Readonly<Record<string, string>>;
  readonly title: string;
  readonly over: { readonly param: string; readonly title: string; readonly scale: "log" | "linear" | "steps" };
  readonly only?: (result: PeerResult) => boolean;
  /** To whom the ratios are that stand at the points; none, if it does not say. */
  readonly ratiosTo?: string;
}

/** How a benchmark is shown. */
export interface Presentation {
  readonly title: string;
  readonly panels: readonly (Bars | Lines)[];
  /** The results that the table has; all, if it does not say. */
  readonly inTable?: (results: readonly PeerResult[]) => readonly PeerResult[];
  /** The metrics whose ratios the table has; all, if it does not say. */
  readonly ratiosOf?: readonly string[];
}

const bars = (metric: string, title: string, only?: Bars["only"]): Bars => ({ kind: "bars", metric, title, ...(only && { only }) });
const isOf = (param: string, value: string): NonNullable<Bars["only"]> => {
  return ({ params }) => String(params[param]).startsWith(value);
};
const overSeconds = { param: "second", title: "second of the measurement", scale: "linear" } as const;

/** By the benchmarks' names. */
export const presentations: Readonly<Record<string, Presentation>> = {
  closed: {
    title: "Each caller waits for its result, then calls again",
    panels: [bars("callsPerSecond", "calls a second: more is better"), bars("p99Ms", "p99 of a call in milliseconds: less is better")],
  },
  roundtrip: {
    title: "One call at a time, from submitting it to its result",
    panels: [bars("p50Ms", "p50 in milliseconds: less is better"), bars("p99Ms", "p99 in milliseconds: less is better")],
  },
  accept: {
    title: "Calls made durable, by so many producers at once",
    panels: [bars("callsPerSecond", "calls a second: more is better")],
  },
  drain: {
    title: "A backlog of 40,000 calls",
    panels: [bars("callsPerSecond", "calls a second: more is better")],
  },
  http: {
    title: "The closed loop through the tRPC client",
    panels: [
      bars("callsPerSecond", "calls a second: more is better"),
      bars("p99Ms", "p99 of a call in milliseconds: less is better", ({ params }) => params["inFlight"] === 256),
    ],
  },
  latency: {
    title: "One call at a time through the tRPC client over HTTP",
    panels: [bars("p50Ms", "p50 in milliseconds: less is better"), bars("p99Ms", "p99 in milliseconds: less is better")],
  },
  scale: {
    title: "What a call costs as the ledger and the number of processes grow",
    panels: [
      {
        kind: "lines",
        metrics: { microsPerCall: "time", databaseCpuMicrosPerCall: "CPU of the database" },
        title: "µs a call, and how many times that of 1,000 rows: less is better",
        over: { param: "rows", title: "ended calls in the ledger", scale: "log" },
        only: ({ params }) => params["processes"] === 1,
        ratiosTo: "1000 rows",
      },
      {
        kind: "lines",
        metrics: { microsPerCall: "time", databaseCpuMicrosPerCall: "CPU of the database" },
        title: "µs a call, and how many times that of one process: less is better",
        over: { param: "processes", title: "API processes, and as many workers", scale: "steps" },
        only: ({ params }) => params["rows"] === 10_000,
        ratiosTo: "1 process",
      },
    ],
  },
  bloat: {
    title: "Calls that go on while a transaction stays open",
    inTable: (results) => ["before", "open", "after"].flatMap((phase) => results.findLast(({ params }) => params["phase"] === phase) ?? []),
    panels: [
      { kind: "lines", metrics: { callsPerSecond: "calls a second" }, title: "calls a second: more is better", over: overSeconds },
      {
        kind: "lines",
        metrics: { databaseCpuMicrosPerCall: "CPU of the database" },
        title: "µs of the database's CPU a call: less is better",
        over: overSeconds,
      },
      {
        kind: "lines",
        metrics: { deadDeliveryRows: "delivery", deadLedgerRows: "ledger" },
        title: "dead rows in the tables of the ledger and of the delivery: less is better",
        over: overSeconds,
      },
      {
        kind: "lines",
        metrics: { ledgerBytesPerCall: "bytes a call" },
        title: "bytes of the ledger on disk, with its indexes, a call in it: less is better",
        over: overSeconds,
      },
    ],
  },
  memory: {
    title: "What a call holds of a process's memory",
    panels: [
      bars("heapBytesPerCall", "bytes of heap a call in flight, in a worker: less is better", isOf("what", "in flight")),
      bars("rssBytesPerCall", "bytes of resident memory a queued call: less is better", isOf("what", "queued")),
    ],
  },
  statements: {
    title: "SQL statements and round trips that a call takes",
    ratiosOf: ["statementsPerCall", "roundTripsPerCall"],
    panels: [
      bars("statementsPerCall", "statements a call: less is better"),
      bars("roundTripsPerCall", "round trips a call: less is better"),
    ],
  },
  subscribers: {
    title: "Idle subscribers of one API process",
    panels: [
      bars("heapBytesPerSubscriber", "bytes of heap each: less is better"),
      bars("rssBytesPerSubscriber", "bytes of resident memory each: less is better"),
    ],
  },
  fanout: {
    title: "One settle to a thousand subscribers",
    panels: [
      bars("lastP50Ms", "until the last has heard of it, p50 in milliseconds: less is better"),
      bars("lastP99Ms", "the same, p99 in milliseconds: less is better"),
    ],
  },
  delivery: {
    title: "From settle to client at 200 calls a second",
    panels: [bars("p50Ms", "p50 in milliseconds: less is better"), bars("p99Ms", "p99 in milliseconds: less is better")],
  },
  cuts: {
    title: "An API that is restarted under thousands of subscribers",
    panels: [bars("caughtUpMs", "until all have been told, in milliseconds: less is better")],
  },
};
