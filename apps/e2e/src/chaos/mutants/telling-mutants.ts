/** Ways in which streams, repetitions, replies and webhooks could be wrong. */
import { type Mutant, zombies } from "./mutant.ts";

const postgres = "packages/engine/src/postgres";
const peaceful = { faults: [], listen: true } as const;

/** See the file's head; they are among the mutants. */
export const tellingMutants: readonly Mutant[] = [
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
        find: "await postTo(core, endpoint, { id: reply.id, body,",
        replace: "await postTo(core, endpoint, { id: `${reply.id}-${call.attempt}`, body,",
      },
    ],
    ...peaceful,
  },
  {
    name: "yielded values that are not fenced by their attempt",
    breaks: ["I14"],
    // Those of an attempt that is over follow on whatever is there.
    patches: [
      {
        file: `${postgres}/settling/append.ts`,
        find: "select distinct on (id, attempt, place) id, attempt, item.place, item.value, call.yielded as before",
        replace: `select distinct on (id, item.attempt, place) id, item.attempt, item.place, item.value,
        case when call.attempt = item.attempt then call.yielded else item.place - 1 end as before`,
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "join ${sql(schema)}.call using (id, attempt)\n      where item.place > call.yielded\n      order by id, attempt, place",
        replace:
          "join ${sql(schema)}.call using (id)\n      where item.place > call.yielded or call.attempt > item.attempt\n      order by id, item.attempt, place",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "yielded = news.place",
        replace: "yielded = case when call.attempt = news.attempt then news.place else call.yielded end",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "where call.id = news.id and call.attempt = news.attempt and ${sql.unsafe(isRunningSql)} and",
        replace: "where call.id = news.id and ${sql.unsafe(isRunningSql)} and",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "and call.yielded = news.before",
        replace: "and (call.attempt <> news.attempt or call.yielded = news.before)",
      },
      {
        file: `${postgres}/settling/append.ts`,
        find: "returning call.id, call.attempt, call.yielded,",
        replace: "returning call.id, news.attempt, case when call.attempt = news.attempt then call.yielded else news.place end as yielded,",
      },
    ],
    ...zombies,
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
