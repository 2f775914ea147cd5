import type { NewCall } from "@raincheck/engine";
import type { CallId, PolicyOptions } from "@raincheck/protocol";
import { type Policy, resolvePolicy } from "@raincheck/protocol";
import type { Random } from "../../chaos/random.ts";

const declared = {
  plain: { retry: { attempts: 3, initialDelay: "200 millis", maxDelay: "2 seconds" } },
  once: { queue: "other", retry: { attempts: 1 }, priority: 5 },
  stubborn: { retry: { attempts: 8, initialDelay: "0 millis" }, retention: "5 seconds" },
  limited: { concurrency: 2, retry: { attempts: 3, initialDelay: "100 millis", maxDelay: "1 second" } },
} satisfies Record<string, PolicyOptions>;

/** The procedures of the simulation, with their policies. */
export const policies: Readonly<Record<string, Policy>> = Object.fromEntries(
  Object.entries(declared).map(([path, options]) => [path, resolvePolicy(options)]),
);

const paths = Object.keys(policies);

/** Keys that are in use: few, so that they are used again. */
const keys = 40;

/** An id of its own. */
export function drawId(random: Random): CallId {
  const part = (digits: number): string =>
    random
      .below(16 ** digits)
      .toString(16)
      .padStart(digits, "0");
  return `${part(8)}-${part(4)}-4${part(3)}-8${part(3)}-${part(12)}`;
}

/** A call that somebody wants. */
export function drawCall(random: Random): NewCall {
  const path = random.pick(paths);
  const { queue, priority, concurrency, retentionMs } = policies[path]!;
  const key = random.chance(0.5) ? random.below(keys) : null;
  return {
    id: drawId(random),
    path,
    queue,
    principal: random.pick(["ada", "bob", null]),
    // One key in twenty comes with another input.
    input: key === null || random.chance(0.05) ? `"${random.below(1_000)}"` : `"of key ${key}"`,
    context: "null",
    idempotencyKey: key === null ? null : `key ${key}`,
    priority: random.chance(0.1) ? random.below(10) : priority,
    concurrency,
    delayMs: random.chance(0.2) ? random.below(5_000) : 0,
    startByMs: random.chance(0.15) ? 100 + random.below(8_000) : null,
    deadlineMs: random.chance(0.2) ? 100 + random.below(20_000) : null,
    retentionMs: random.chance(0.1) ? 1_000 : retentionMs,
    startedBy: null,
    detached: false,
    replyQueues: random.chance(0.25) ? ["reply/billing"] : [],
  };
}
