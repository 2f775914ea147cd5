/** A client in a process of its own, which measures what it is asked to. */
import { createDeferClient } from "@raincheck/client";
import { createTRPCClient } from "@trpc/client";
import { type Asked, measure } from "../queues/measure.ts";
import { answerQuestions } from "../questions.ts";
import { type Link, linksTo } from "./links.ts";

/** Who calls: Raincheck, its procedure in sync mode, or tRPC without it. */
export type ClientName = "raincheck" | "raincheck-sync" | "trpc-sync";

/** What a client is asked. */
export type ClientQuestion = Pick<Asked, "inFlight" | "warmUpMs" | "ms"> & { readonly client: ClientName };

const { links, close } = linksTo(Number(process.env["PORT"]), process.env["LINK"] as Link);
const trpc = createTRPCClient({ links: [...links] });
const defer = createDeferClient(trpc);

const calls: Record<ClientName, () => Promise<unknown>> = {
  raincheck: async () => (await defer.noop()).result(),
  "raincheck-sync": () => trpc.noop.mutate(),
  "trpc-sync": () => trpc.plain.mutate(),
};

answerQuestions<ClientQuestion>(({ client, ...asked }) =>
  measure({ call: calls[client], accept: () => Promise.reject(new Error("It is not measured here.")) }, { what: "call", ...asked }),
);
process.once("disconnect", close);
