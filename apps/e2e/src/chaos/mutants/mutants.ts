/**
 * Sixteen ways in which the product could be wrong, each a small change of its source. The harness is believed because it catches all.
 */
import type { FaultKind } from "../fault-kind.ts";
import type { SourcePatch } from "../patch/source-patch.ts";

/** A product with a fault. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly SourcePatch[];
  /** The promises that it breaks, one of which must be found broken: any other finding would catch it by chance. */
  readonly breaks: readonly string[];
  /** What must happen for the fault to show. */
  readonly faults: readonly FaultKind[];
  /** `false`: its fault shows when notifications are off. */
  readonly listen: boolean;
}

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
        find: "where call.id = item.id and call.attempt = item.attempt and call.state = 'running'",
        replace: "where call.id = item.id and call.state = 'running'",
      },
    ],
    faults: ["sigstop"],
    listen: true,
  },
  {
    name: "a settle that does not ask for the state",
    breaks: ["I2", "I6", "I7"],
    patches: [
      {
        file: `${postgres}/settling/settle.ts`,
        find: "where call.id = item.id and call.attempt = item.attempt and call.state = 'running'",
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
        find: "where id = ${id} and (principal is null or principal = ${reader.principal})`",
        replace: "where id = ${id} and (principal is null or ${reader.principal}::text is not null)`",
      },
    ],
    ...peaceful,
  },
  {
    name: "a reply that a second transaction writes, behind the one that ends the call",
    breaks: ["I12", "I13"],
    patches: [
      // In the statement that settles nothing is told …
      { file: `${postgres}/settling/settle.ts`, find: '), ${replies(schema, sql, "settled")}', replace: ")" },
      {
        file: `${postgres}/settling/tell-ends.ts`,
        find: "wakeReplies(ledger, rows);",
        // … but by the keeper, which is asked for it a second later.
        replace: `wakeReplies(ledger, rows);
  const told = rows.filter(({ reply_queues }) => reply_queues !== null).map(({ id }) => id);
  if (told.length > 0) setTimeout(() => void ledger.control.use((sql) => sql\`
    update \${sql(ledger.schema)}.call set reply_due = true
    where id = any(\${told}::uuid[]) and state in ('succeeded', 'failed')
      and not exists (select from \${sql(ledger.schema)}.call as reply where reply.tells = call.id)\`).catch(() => undefined), 1_000);`,
      },
    ],
    faults: ["sigkill"],
    listen: true,
  },
  {
    name: "a reply whose handler writes in a transaction of its own",
    breaks: ["I12"],
    patches: [
      {
        file: "packages/server/src/invoke-reply.ts",
        find: "await run.call.commit(async (tx) => {",
        replace: "await engine.transaction(async (tx) => {",
      },
      {
        file: "packages/server/src/invoke-reply.ts",
        find: "return { output: attempt.committed!.output, committed: true };",
        replace: "await run.call.commit(async () => undefined);\n  return { output: attempt.committed!.output, committed: true };",
      },
    ],
    faults: ["lostAnswer", "sigkill"],
    listen: true,
  },
  {
    name: "a webhook that any answer takes",
    breaks: ["I13"],
    patches: [
      {
        file: "packages/server/src/webhooks/send.ts",
        find: "if (answer.status >= 200 && answer.status < 300) return answer;",
        replace: "if (answer.status >= 200) return answer;",
      },
    ],
    ...peaceful,
  },
  {
    name: "a webhook with another id at each try",
    breaks: ["I13"],
    patches: [
      {
        file: "packages/server/src/webhooks/send.ts",
        find: "const { status } = await postTo(core, endpoint, { id: reply.id, body, signal });",
        replace: "const { status } = await postTo(core, endpoint, { id: `${reply.id}-${call.attempt}`, body, signal });",
      },
    ],
    ...peaceful,
  },
  {
    name: "yielded values that are not fenced by their attempt",
    breaks: ["I14"],
    patches: [
      {
        file: `${postgres}/settling/append.ts`,
        find: "select distinct on (id, attempt, place) id, attempt, item.place",
        replace: "select distinct on (id, item.attempt, place) id, item.attempt, item.place",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "join ${sql(schema)}.call using (id, attempt)\n      where item.place",
        replace: "join ${sql(schema)}.call using (id)\n      where item.place",
      },
      { file: `${postgres}/settling/append.ts`, find: "order by id, attempt, place", replace: "order by id, item.attempt, place" },
      {
        file: `${postgres}/settling/append.ts`,
        find: "where call.id = news.id and call.attempt = news.attempt and call.state = 'running' and",
        replace: "where call.id = news.id and call.state = 'running' and",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "returning call.id, call.attempt, call.yielded",
        replace: "returning call.id, news.attempt, call.yielded",
      },
    ],
    faults: ["sigstop"],
    listen: true,
  },
  {
    name: "a retry that nothing names, so that each is another call",
    breaks: ["I15"],
    patches: [
      {
        file: "packages/engine/src/repetition.ts",
        find: 'if (by.type === "retry") return JSON.stringify({ retry: of });',
        replace: 'if (by.type === "retry") return null;',
      },
    ],
    ...peaceful,
  },
];
