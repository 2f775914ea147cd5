/**
 * Sixteen ways in which the product could be wrong, each a small change of its source. The harness is believed because it catches all.
 */
import { type Mutant, zombies } from "./mutant.ts";
import { tellingMutants } from "./telling-mutants.ts";

const postgres = "packages/engine/src/postgres";
const peaceful = { faults: [], listen: true } as const;

/** See the file's head. */
export const mutants: readonly Mutant[] = [
  {
    name: "a settle that is not fenced by its attempt",
    breaks: ["I4"],
    patches: [
      {
        file: `${postgres}/settling/settle.ts`,
        find: "where call.id = item.id and call.attempt = item.attempt and ${sql.unsafe(isRunningSql)}",
        replace: "where call.id = item.id and ${sql.unsafe(isRunningSql)}",
      },
    ],
    ...zombies,
  },
  {
    name: "a settle that does not ask for the state",
    breaks: ["I2", "I6", "I7"],
    patches: [
      {
        file: `${postgres}/settling/settle.ts`,
        find: "where call.id = item.id and call.attempt = item.attempt and ${sql.unsafe(isRunningSql)}",
        replace: "where call.id = item.id and call.attempt = item.attempt",
      },
    ],
    ...peaceful,
  },
  {
    name: "a cursor that runs ahead of what was read",
    breaks: ["L1", "L3", "I5"],
    patches: [
      {
        file: `${postgres}/reading/events.ts`,
        find: 'const rows = await whileAvailable("events", () => readRows(ledger, requests));',
        replace: `const rows = await whileAvailable("events", () => readRows(ledger, requests));
  const later = await readRows(ledger, requests);
  for (const row of rows as { request: number; last_seq: number }[]) row.last_seq = later.find(({ request }) => request === row.request)?.last_seq ?? row.last_seq;`,
      },
      {
        file: "packages/server/src/follow-calls.ts",
        find: "if (hasMore(page, call)) change(call);",
        replace: "call.after = page.lastSeq;",
      },
    ],
    ...peaceful,
  },
  {
    name: "no poll behind the notifications",
    breaks: ["L1", "L3"],
    patches: [{ file: `${postgres}/waking/poll.ts`, find: "await pollOnce().catch(options.onError);", replace: "void pollOnce;" }],
    faults: [],
    listen: false,
  },
  {
    name: "a listener that is not made again",
    breaks: ["L2"],
    patches: [{ file: `${postgres}/waking/listen.ts`, find: "pauseMs = Math.min(pauseMs * 2, maxPauseMs);", replace: "return;" }],
    faults: ["terminatedBackend"],
    listen: true,
  },
  {
    name: "no notification",
    breaks: ["L2"],
    patches: [{ file: `${postgres}/waking/wake.ts`, find: "if (!listen) return;", replace: "if (listen || !listen) return;" }],
    ...peaceful,
  },
  {
    name: "a cancel that does not ask for the state",
    breaks: ["I2", "I3", "I6"],
    patches: [
      {
        file: `${postgres}/cancelling/cancel.ts`,
        find: "where id = ${target.id} and state in ('queued', 'running') and",
        replace: "where id = ${target.id} and",
      },
    ],
    ...peaceful,
  },
  {
    name: "the application's writes in a transaction of their own",
    breaks: ["I3"],
    patches: [
      {
        file: `${postgres}/settling/commit.ts`,
        find: "const result = await work(transaction).catch(",
        replace: "const result = await ledger.control.use((sql) => work(sql as unknown as TransactionSql)).catch(",
      },
    ],
    ...peaceful,
  },
  {
    name: "an acceptance that is repeated as another call after an ambiguous commit",
    breaks: ["I10"],
    patches: [
      {
        file: `${postgres}/accepting/accept.ts`,
        find: "calls.map((call) => toRow(call, isParked(call))),",
        replace: `calls.map((call) => {
          const known = call as typeof call & { tried?: boolean };
          if (known.tried) return toRow({ ...call, id: crypto.randomUUID() as typeof call.id, idempotencyKey: null }, isParked(call));
          known.tried = true;
          return toRow(call, isParked(call));
        }),`,
      },
    ],
    faults: ["lostAnswer"],
    listen: true,
  },
  {
    name: "a read that does not ask whose call it is",
    breaks: ["I9"],
    patches: [
      {
        file: `${postgres}/reading/read.ts`,
        find: "on call.id = item.id and (call.principal is null or call.principal = item.reader)",
        replace: "on call.id = item.id and (call.principal is null or item.reader is not null)",
      },
    ],
    ...peaceful,
  },
  ...tellingMutants,
];
