import type { ClaimedCall } from "../src/claim-request.ts";
import type { Engine } from "../src/engine.ts";
import type { NewCall } from "../src/new-call.ts";
import { type MemoryEngineOptions, memoryEngine } from "../src/memory/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { newCall as anyCall } from "./new-call.ts";

/** Who owns the calls of {@link newCall}. */
export const reader = { principal: "ada" };
let made = 0;

/** A call whose id is a number, so that a run can be repeated, and which is kept for a second. */
export function newCall(given: Partial<NewCall> = {}): NewCall {
  made += 1;
  return anyCall({ id: `00000000-0000-4000-8000-${String(made).padStart(12, "0")}`, retentionMs: 1_000, ...given });
}

/** A memory engine and the time that it lives by. */
export function timed(options: Omit<MemoryEngineOptions, "clock"> = {}): { engine: Engine<null>; clock: ManualClock } {
  const clock = new ManualClock();
  return { engine: memoryEngine({ ...options, clock }), clock };
}

/** Claims from the queue of {@link newCall}. */
export const claim = (engine: Engine<null>, limit = 1, leaseMs = 5_000): Promise<readonly ClaimedCall[]> =>
  engine.claim({ worker: "w", queues: ["default"], limit, leaseMs });
