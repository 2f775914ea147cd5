import { type ClaimedCall, type NewCall, type StoredReply, parseReply } from "@raincheck/engine";
import { promised } from "../broken-promise.ts";
import type { EventBody, ExpectedCall } from "./expected-call.ts";
import { same } from "./same.ts";

/** What a reply must say, the time apart. */
type Told = Omit<StoredReply, "endedAt" | "repeats">;

/**
 * The replies that there must be. Their ids are the engine's, so one is known by what it tells until it is claimed, and of several that wait
 * the model does not say which was first: two calls may end in one move of the time.
 */
export class ExpectedReplies {
  /** The reply that a call's end must bring; `null`: none. */
  of({ given, attempt }: ExpectedCall, end: EventBody): NewCall | null {
    const [queue] = given.replyQueues;
    if (queue === undefined) return null;
    const { id, path, principal, priority, retentionMs } = given;
    const told: Told = {
      id,
      path,
      principal,
      state: end.type as Told["state"],
      attempt,
      output: end.type === "succeeded" ? end.output : null,
      failure: end.type === "failed" || end.type === "expired" ? end.failure : null,
      cancelReason: end.type === "cancelled" ? end.reason : null,
    };
    const nothing = { idempotencyKey: null, concurrency: null, startByMs: null, deadlineMs: null, startedBy: null, replyQueues: [] };
    return {
      ...nothing,
      id: "",
      path: `~${queue}/${path}`,
      queue,
      principal: `~${queue}`,
      input: JSON.stringify(told),
      context: "null",
      priority,
      delayMs: 0,
      retentionMs,
      detached: false,
    };
  }

  /**
   * Those of the waiting replies that were claimed; each that had no id yet has that of its claim afterwards.
   *
   * @param room how many the claim had to take, if so many wait.
   */
  match(waiting: readonly ExpectedCall[], claimed: readonly ClaimedCall[], room: number): ExpectedCall[] {
    const subject = "a claim of replies";
    same(claimed.length, Math.max(0, Math.min(waiting.length, room)), { invariant: "I6", subject: `the length of ${subject}` });
    const left = new Set(waiting);
    const matched = claimed.map((call) => {
      const input = toldBy(call);
      const isIt = (one: ExpectedCall): boolean => one.given.id === call.id || (one.given.id === "" && one.given.input === input);
      const found = [...left].find(isIt);
      promised(found !== undefined, "I6", () => `${subject} gave ${call.id} with ${call.input}, which nobody has to be told`);
      left.delete(found);
      found.given = { ...found.given, id: call.id };
      same([call.path, call.principal, input], [found.given.path, found.given.principal, found.given.input], { invariant: "I6", subject });
      same([call.attempt, call.failures], [found.attempt + 1, found.failures], { invariant: "I4", subject });
      return found;
    });
    const least = Math.min(...matched.map(({ given }) => given.priority));
    promised(
      matched.length === 0 || [...left].every(({ given }) => given.priority <= least),
      "I4",
      () => `${subject} left one of a higher priority`,
    );
    return matched;
  }
}

function toldBy(call: ClaimedCall): string {
  const { endedAt: _, repeats: __, ...told } = parseReply(call.input);
  return JSON.stringify(told satisfies Told);
}
