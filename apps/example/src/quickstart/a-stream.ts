import { createDeferClient } from "@raincheck/client";
import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { createTRPCClient, httpBatchStreamLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { EventSource } from "eventsource";
import { z } from "zod";
import { makeReport } from "./make-report.ts";

const t = initTRPC.create();
const raincheck = initRaincheck.context<object>().create({
  engine: postgresEngine({ url: process.env["DATABASE_URL"] }),
  principal: () => null,
});

/** What stands for a language model here: tells a report word by word. */
async function* askModel(question: string, signal: AbortSignal | undefined): AsyncGenerator<string> {
  const { delayed } = await makeReport(Number(question), signal);
  for (const count of delayed) yield `${count} `;
}

// #region procedure
const answer = raincheck.deferrable(t.procedure.input(z.string())).mutation(async function* ({ input, ctx, signal }) {
  let text = "";
  for await (const token of askModel(input, signal)) {
    text += token;
    yield token; // kept, in order, and told to whoever follows
  }
  return ctx.call.commit(async (tx) => {
    await tx`insert into answer (question, text) values (${input}, ${text})`;
    return { characters: text.length };
  });
});
// #endregion procedure

const appRouter = raincheck.bind(t.router({ answer, calls: raincheck.calls(t.procedure) }));

const url = process.env["API_URL"] ?? "http://localhost:3000";
const trpc = createTRPCClient<typeof appRouter>({
  links: [
    splitLink({
      condition: (op) => op.type === "subscription",
      true: httpSubscriptionLink({ url, EventSource }),
      false: httpBatchStreamLink({ url }),
    }),
  ],
});

/** In the response, as tRPC streams: nothing is stored. */
export async function sync() {
  // #region sync
  for await (const token of await trpc.answer.mutate("2001")) process.stdout.write(token);
  // #endregion sync
}

/** By a worker, whatever becomes of this connection, and for whoever attaches later. */
export async function deferred() {
  const defer = createDeferClient(trpc);
  // #region deferred
  const handle = await defer.answer("2001");
  let text = "";
  for await (const event of handle.events()) {
    if (event.type === "started") text = ""; // a new attempt tells it anew
    if (event.type === "yielded") text += event.value;
  }
  const { characters } = await handle.result();
  // #endregion deferred
  return { text, characters };
}
