import { randomBytes } from "node:crypto";
import { callIdFrom } from "@raincheck/protocol";
import type { NewCall } from "../src/new-call.ts";

/** A call of "ada" in the queue "default", with an id of its own and nothing set that could be left out. */
export function newCall(given: Partial<NewCall> = {}): NewCall {
  return {
    id: callIdFrom(randomBytes(16)),
    path: "flights.report",
    queue: "default",
    principal: "ada",
    input: "{}",
    context: "{}",
    idempotencyKey: null,
    priority: 0,
    concurrency: null,
    delayMs: 0,
    startByMs: null,
    deadlineMs: null,
    retentionMs: 3_600_000,
    startedBy: null,
    detached: false,
    replyQueues: [],
    ...given,
  };
}
