import type { Benchmark } from "./report.ts";
import { bloat } from "./bloat/bloat.ts";
import { memory } from "./memory/memory.ts";
import { accept } from "./queues/accept.ts";
import { closed } from "./queues/closed.ts";
import { drain } from "./queues/drain.ts";
import { roundtrip } from "./queues/roundtrip.ts";
import { scale } from "./scale/scale.ts";
import { statements } from "./statements/statements.ts";
import { cuts } from "./subscribers/cuts.ts";
import { delivery } from "./subscribers/delivery.ts";
import { fanout } from "./subscribers/fanout.ts";
import { subscribersBenchmark } from "./subscribers/subscribers.ts";
import { http } from "./trpc/http.ts";
import { latency } from "./trpc/latency.ts";

/** All benchmarks, by name, in the order in which they run. */
export const benchmarks: ReadonlyMap<string, Benchmark> = new Map([
  ["closed", closed],
  ["roundtrip", roundtrip],
  ["accept", accept],
  ["drain", drain],
  ["http", http],
  ["latency", latency],
  ["scale", scale],
  ["bloat", bloat],
  ["memory", memory],
  ["statements", statements],
  ["subscribers", subscribersBenchmark],
  ["fanout", fanout],
  ["delivery", delivery],
  ["cuts", cuts],
]);
