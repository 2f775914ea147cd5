import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { logToEffect } from "./log-to-effect.ts";
import { type WorkerOptions, resolveWorkerOptions } from "./worker-options.ts";
import { startWorker, workerServices } from "./worker.ts";

/** {@link WorkerOptions} of a worker that lives in an Effect program, which handles the process's signals itself. */
export type WorkerLayerOptions = Omit<WorkerOptions, "signals">;

/**
 * A worker as a layer: it runs while the layer lives, and the layer's release is its graceful stop, as `runWorker` has it. Without a
 * `log` its entries go to Effect's loggers, annotated with the worker, the call and the facts. The layer fails with what the
 * engine's set-up threw.
 *
 * @throws {InvalidOption} at once, when an option is not as {@link WorkerLayerOptions} says.
 */
export function workerLayer(options: WorkerLayerOptions): Layer.Layer<never, unknown> {
  const settings = resolveWorkerOptions(options);
  return Layer.unwrap(
    Effect.map(Effect.context<never>(), (context) => {
      const logged = options.log === undefined ? { ...settings, log: logToEffect(context) } : settings;
      return Layer.provide(Layer.effectDiscard(startWorker(logged)), workerServices(logged));
    }),
  );
}
