/**
 * Who takes the replies under fire: it writes a row of each, in the transaction that the reply is done with, and throws behind the row at
 * the first attempts of some.
 */
import type { CallId, Reply, ReplyContext } from "@raincheck/server";
import { type Transaction, procedures, raincheck, replyQueue } from "./raincheck.ts";
import { environment, pause } from "./work.ts";

async function take(reply: Reply, { tx, signal, attempt }: ReplyContext<Transaction>): Promise<void> {
  const { failing, ms } = troubleOf(reply.id);
  const value = "output" in reply ? reply.output : "failure" in reply ? reply.failure : null;
  await tx`insert into reply (call_id, state, value) values (${reply.id}, ${reply.state}, ${JSON.stringify(value)})`;
  await pause(ms, signal);
  if (attempt > failing) return;
  environment.note({ kind: "reply-thrown", id: reply.id, attempt });
  throw new Error("This attempt was to throw.");
}

/** How many attempts at the reply throw, and how long each takes: a third of all throws, once to three times. */
function troubleOf(id: CallId): { readonly failing: number; readonly ms: number } {
  const [first = 0, second = 0] = Buffer.from(id.slice(-4), "hex");
  return { failing: first % 3 === 0 ? 1 + (first % 2) + (second % 2) : 0, ms: second % 30 };
}

raincheck.replies(replyQueue, Object.fromEntries(Object.keys(procedures).map((path) => [path, take])), {
  timeout: "5 seconds",
  retry: { attempts: 60, initialDelay: "50 millis", maxDelay: "500 millis" },
});
