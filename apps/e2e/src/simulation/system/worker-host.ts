import type { Engine } from "@raincheck/engine";
import { type Worker, runWorker } from "@raincheck/worker";
import { type OnRun, simulatedApplication } from "./application.ts";
import { type EngineLine, overLine } from "./faulty-engine.ts";
import type { SystemTally } from "./system-tally.ts";

/** What a {@link WorkerHost} is made of. */
export interface WorkerHostParts {
  readonly name: string;
  readonly engine: Engine<null>;
  readonly makeLine: () => EngineLine;
  readonly onRun: OnRun;
  readonly tally: SystemTally;
}

/** A place where the product's own worker runs: when one has died or stopped, the next one is started. */
export class WorkerHost {
  readonly #parts: WorkerHostParts;
  #line: EngineLine;
  #worker: Promise<Worker>;

  constructor(parts: WorkerHostParts) {
    this.#parts = parts;
    this.#line = parts.makeLine();
    this.#worker = this.#start();
  }

  get line(): EngineLine {
    return this.#line;
  }

  /** Kills the worker: nothing that it does from here on reaches the engine. */
  crash(): void {
    this.#line.isDead = true;
    this.#line.thaw();
    void this.#worker.then((worker) => {
      // Nobody can end its fibers from outside but itself; it is not heard in doing so.
      void worker.stop();
      void worker.stop();
    });
    this.#next();
  }

  /** Stops the worker as a deploy does, and starts the next one beside it. */
  drain(): void {
    void this.#worker.then((worker) => worker.stop());
    this.#next();
  }

  /** Stops the last worker. */
  async stop(): Promise<void> {
    await (await this.#worker).stop();
  }

  #next(): void {
    this.#line = this.#parts.makeLine();
    this.#worker = this.#start();
  }

  #start(): Promise<Worker> {
    const { name, engine, onRun, tally } = this.#parts;
    const { raincheck } = simulatedApplication(overLine(engine, this.#line), onRun);
    return runWorker({
      raincheck,
      name,
      concurrency: 3,
      lease: "2 seconds",
      shutdownGrace: "1 second",
      signals: false,
      log: ({ event }) => {
        if (event === "result-stale") tally.staleResults += 1;
      },
    });
  }
}
