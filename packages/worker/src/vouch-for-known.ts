import * as Effect from "effect/Effect";
import * as Random from "effect/Random";
import type { EngineService } from "./engine-service.ts";
import type { KnownProcedures } from "./known-procedures.ts";

/** The longest pause between two times. */
const mostMs = 60_000;

/** What {@link vouchForKnown} needs. */
export interface VouchOptions {
  readonly engine: Pick<EngineService["Service"], "vouch">;
  readonly procedures: Pick<KnownProcedures, "has">;
  readonly giveUpAfterMs: number;
}

/**
 * Tells the engine, now and then, that calls which other workers have set aside are not unknown here: a worker whose slots are taken
 * for long does not claim them, and they must not be given up for that. Never ends by itself.
 */
export function vouchForKnown({ engine, procedures, giveUpAfterMs }: VouchOptions): Effect.Effect<never> {
  const pauseMs = Math.min(mostMs, Math.max(100, giveUpAfterMs / 4));
  return Effect.gen(function* () {
    yield* Effect.sleep(pauseMs * (yield* Random.nextBetween(0.8, 1.2)));
    yield* engine.vouch((path) => procedures.has(path));
  }).pipe(Effect.forever);
}
