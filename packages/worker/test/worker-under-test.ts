import type { CallRecord, Engine, NewCall, StoredEvent } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import { isTerminal } from "@raincheck/protocol";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Layer from "effect/Layer";
import * as Random from "effect/Random";
import * as Scope from "effect/Scope";
import type { WorkerLogEntry, WorkerLogEvent } from "../src/worker-log.ts";
import { type WorkerOptions, resolveWorkerOptions } from "../src/worker-options.ts";
import { type ScopedWorker, startWorker, workerServices } from "../src/worker.ts";
import { type FakeProcedure, fakeRaincheck } from "./fake-raincheck.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What {@link workerUnderTest} is told. */
export interface WorkerUnderTestOptions extends Partial<WorkerOptions> {
  readonly procedures: Readonly<Record<string, FakeProcedure>>;
  /** Of messages to webhooks. */
  readonly webhookQueues?: readonly string[] | undefined;
  /** Puts something between the worker and the engine; the test itself uses the engine as it is. */
  readonly wrap?: (engine: Engine) => Engine;
  /** An engine that exists already, with its time: for a second worker beside a first. */
  readonly beside?: Pick<WorkerUnderTest, "engine" | "time">;
}

/** A worker on a memory engine, in virtual time, with everything that it says. */
export class WorkerUnderTest implements AsyncDisposable {
  readonly time: VirtualTime;
  readonly engine: Engine;
  readonly worker: ScopedWorker;
  readonly log: WorkerLogEntry[];
  readonly errors: unknown[];
  readonly #scope: Scope.Closeable;
  #stopped: Promise<void> | null = null;

  constructor(parts: Pick<WorkerUnderTest, "time" | "engine" | "worker" | "log" | "errors"> & { readonly scope: Scope.Closeable }) {
    this.time = parts.time;
    this.engine = parts.engine;
    this.worker = parts.worker;
    this.log = parts.log;
    this.errors = parts.errors;
    this.#scope = parts.scope;
  }

  /** Accepts a call, and returns its id. */
  async call(path: string, given: Partial<NewCall> = {}): Promise<string> {
    const { id } = await this.engine.accept(newCall(path, given));
    return id;
  }

  /** The call, once it satisfies the condition. Moves no time. */
  async when(id: string, condition: (record: CallRecord) => boolean): Promise<CallRecord> {
    for (;;) {
      const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
      const unsubscribe = this.engine.subscribe(id, () => wake());
      try {
        const record = await this.engine.read(id, { principal: null });
        if (record !== null && condition(record)) return record;
        await woken;
      } finally {
        unsubscribe();
      }
    }
  }

  /** The call, once it has ended. */
  whenEnded(id: string): Promise<CallRecord> {
    return this.when(id, ({ state }) => isTerminal(state));
  }

  async events(id: string): Promise<readonly StoredEvent[]> {
    return (await this.engine.events(id, 0, { principal: null }))!.events;
  }

  /** The log entries of an event so far. */
  logged(event: WorkerLogEvent): readonly WorkerLogEntry[] {
    return this.log.filter((entry) => entry.event === event);
  }

  /** The graceful stop; a second one hurries the first. */
  stop(): Promise<void> {
    if (this.#stopped !== null) this.worker.hurry();
    this.#stopped ??= Effect.runPromise(Scope.close(this.#scope, Exit.void));
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.worker.hurry();
    const stopped = this.stop();
    // What a test leaves running is handed back, or given up after a while.
    await this.time.advance(1_000);
    await stopped;
  }
}

/** Starts a worker. It is stopped at once when the test ends. */
export async function workerUnderTest(options: WorkerUnderTestOptions): Promise<WorkerUnderTest> {
  const { procedures, webhookQueues, wrap = (engine: Engine) => engine, beside, ...given } = options;
  const time = beside?.time ?? new VirtualTime();
  const engine: Engine = beside?.engine ?? memoryEngine({ clock: time.engineClock });
  const log: WorkerLogEntry[] = [];
  const errors: unknown[] = [];
  const settings = resolveWorkerOptions({
    raincheck: fakeRaincheck(wrap(engine), procedures, webhookQueues),
    name: beside === undefined ? "one" : "two",
    log: (entry) => void log.push(entry),
    onError: (error) => void errors.push(error),
    ...given,
  });
  const scope = Scope.makeUnsafe();
  const layer = Layer.provideMerge(workerServices(settings), time.layer);
  const starting = startWorker(settings).pipe(Effect.provide(layer), Scope.provide(scope), Random.withSeed("raincheck"));
  const worker = await Effect.runPromise(starting);
  return new WorkerUnderTest({ time, engine, worker, log, errors, scope });
}

/** A call to accept, anonymous and of the default queue unless told otherwise. */
export function newCall(path: string, given: Partial<NewCall> = {}): NewCall {
  return {
    id: crypto.randomUUID(),
    path,
    queue: "default",
    principal: null,
    input: "null",
    context: "null",
    idempotencyKey: null,
    priority: 0,
    concurrency: null,
    delayMs: 0,
    startByMs: null,
    deadlineMs: null,
    retentionMs: 86_400_000,
    startedBy: null,
    detached: false,
    replyQueues: [],
    ...given,
  };
}
