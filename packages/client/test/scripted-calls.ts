/**
 * A `calls` router that keeps the wire contract and does nothing by itself: a test says which events happen, and what goes wrong
 * on the way. Everything that happens can be waited for with {@link ScriptedCalls.until}.
 */
import {
  type CallEvent,
  type CallId,
  type CallSnapshot,
  type CallState,
  type FoldedCall,
  type HandleJson,
  type StartRequest,
  type StartedCall,
  type WaitRequest,
  type WatchMessage,
  type WatchRequest,
  type DeferrableBrand,
  fold,
  isTerminal,
  limits,
} from "@raincheck/protocol";
import { TRPCError, initTRPC, tracked } from "@trpc/server";
import superjson from "superjson";

/** An event without its number and time, which the script gives. */
type Happening = CallEvent extends infer $Event ? ($Event extends CallEvent ? Omit<$Event, "seq" | "at"> : never) : never;

interface ScriptedCall extends HandleJson {
  readonly input: unknown;
  readonly key: string | undefined;
  readonly events: CallEvent[];
  folded: FoldedCall | null;
}

/** What the `calls` procedures of one test know, did and are told to do. */
export class ScriptedCalls {
  readonly calls = new Map<CallId, ScriptedCall>();
  /** Inputs of `calls.start`, in the order in which they came. */
  readonly starts: StartRequest[] = [];
  /** Inputs of `calls.watch`, in the order in which they came, reconnects included. */
  readonly watches: WatchRequest[] = [];
  /** How often the other procedures were asked. */
  readonly asked = { get: 0, wait: 0, cancel: 0 };
  /** Subscriptions that are open now. */
  openWatches = 0;
  /** The most subscriptions that were open at the same time. */
  mostWatches = 0;
  /** Puts itself between the events and each subscription: what it returns is sent. */
  tamper: (message: WatchMessage) => readonly WatchMessage[] = (message) => [message];
  /** Throws what a procedure is to answer with. */
  guard: (procedure: "start" | "watch" | "get" | "wait" | "cancel") => void = () => {};
  /** Whether the procedures are said to stream. */
  streams = false;
  /** Ends every open subscription without an error, when aborted. */
  recycle = new AbortController();
  readonly #changes = new Set<() => void>();

  /** Makes something happen to a call. */
  emit(id: CallId, happening: Happening): void {
    const call = this.#known(id);
    // The omitted fields are put back; TypeScript does not follow that through a union.
    const event = { ...happening, seq: call.events.length + 1, at: "2001-01-01T00:00:00.000Z" } as CallEvent;
    call.folded = fold(call.folded, event);
    call.events.push(event);
    this.changed();
  }

  /** Runs a call to its end in one go. */
  succeed(id: CallId, output: unknown): void {
    if (this.#known(id).folded?.state === "queued") this.emit(id, { type: "started", attempt: 1 });
    this.emit(id, { type: "succeeded", attempt: 1, output });
  }

  /** Resolves as soon as the condition holds; it is looked at after every change. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#changes.delete(look);
        resolve();
      };
      this.#changes.add(look);
      look();
    });
  }

  /** Tells everybody who waits to look again. */
  changed(): void {
    for (const look of this.#changes) look();
  }

  /** A procedure was asked. */
  ask(procedure: keyof ScriptedCalls["asked"]): void {
    this.asked[procedure] += 1;
    this.changed();
    this.guard(procedure);
  }

  start({ path, input, options }: StartRequest): StartedCall {
    this.starts.push({ path, input, ...(options === undefined ? {} : { options }) });
    this.changed();
    const key = options?.idempotencyKey;
    const same = [...this.calls.values()].find((call) => key !== undefined && call.key === key && call.path === path);
    if (same !== undefined && JSON.stringify(same.input) !== JSON.stringify(input)) throw new TRPCError({ code: "CONFLICT" });
    if (same !== undefined) return { id: same.id, path, state: same.folded!.state, created: false };
    const id = crypto.randomUUID();
    this.calls.set(id, { id, path, input, key, events: [], folded: null });
    this.emit(id, { type: "queued" });
    return { id, path, state: "queued", created: true, ...(this.streams && { streams: true }) };
  }

  snapshot(id: CallId): CallSnapshot {
    const call = this.calls.get(id);
    if (call?.folded == null) throw new TRPCError({ code: "NOT_FOUND" });
    const { state, seq, attempt, progress, end } = call.folded;
    return {
      id,
      path: call.path,
      state,
      seq,
      attempt,
      progress,
      createdAt: call.events[0]!.at,
      startedAt: attempt === 0 ? null : "2001-01-01T00:00:01.000Z",
      endedAt: end?.at ?? null,
      ...(end?.type === "succeeded" ? { output: end.output } : {}),
      ...(end?.type === "failed" || end?.type === "expired" ? { failure: end.failure } : {}),
      ...(end?.type === "cancelled" ? { cancelReason: end.reason } : {}),
    };
  }

  async wait({ id, timeoutMs = limits.waitMs }: WaitRequest, signal: AbortSignal | undefined): Promise<CallSnapshot> {
    const over = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
    over.addEventListener("abort", () => this.changed());
    await this.until(() => over.aborted || isTerminal(this.snapshot(id).state));
    return this.snapshot(id);
  }

  cancel(id: CallId, reason: string | undefined): { cancelled: boolean; state: CallState } {
    const cancelled = !isTerminal(this.snapshot(id).state);
    if (cancelled) this.emit(id, { type: "cancelled", reason: reason ?? null });
    return { cancelled, state: this.snapshot(id).state };
  }

  async *watch(request: WatchRequest, signal: AbortSignal | undefined): AsyncGenerator<WatchMessage, void, undefined> {
    this.watches.push(request);
    this.openWatches += 1;
    this.mostWatches = Math.max(this.mostWatches, this.openWatches);
    this.changed();
    const over = AbortSignal.any([this.recycle.signal, ...(signal === undefined ? [] : [signal])]);
    over.addEventListener("abort", () => this.changed());
    try {
      const [lastId, lastSeq] = request.lastEventId?.split(":") ?? [];
      const open = request.calls.map(({ id, after = 0 }) => ({ id, after: id === lastId ? Math.max(after, Number(lastSeq)) : after }));
      const next = (): WatchMessage | null => {
        for (const call of open) {
          const events = this.calls.get(call.id)?.events;
          if (events === undefined || call.after > events.length) {
            open.splice(open.indexOf(call), 1);
            return { id: call.id, refused: events === undefined ? "NOT_FOUND" : "UNKNOWN_CURSOR" };
          }
          const event = events[call.after];
          if (event === undefined) continue;
          call.after = event.seq;
          return { id: call.id, event };
        }
        return null;
      };
      while (!over.aborted && open.length > 0) {
        const message = next();
        if (message !== null) yield* this.tamper(message);
        else await this.until(() => over.aborted || open.some(({ id, after }) => (this.calls.get(id)?.events.length ?? 0) > after));
      }
    } finally {
      this.openWatches -= 1;
      this.changed();
    }
  }

  #known(id: CallId): ScriptedCall {
    const call = this.calls.get(id);
    if (call === undefined) throw new Error(`The test speaks of ${id}, which was never started.`);
    return call;
  }
}

type Root = ReturnType<typeof initTRPC.create>;

/** A router over a script, as an application would have it: one deferrable procedure beside a plain one. */
export function scriptedRouter(script: ScriptedCalls, { transformed }: { transformed: boolean }) {
  // To the types of a client the routers differ by the transformer alone, and no test here asks for a transformed type.
  const t = (transformed ? initTRPC.create({ transformer: superjson }) : initTRPC.create()) as unknown as Root;
  const { procedure } = t;
  return t.router({
    reports: t.router({
      make: deferrable(procedure.input(given<{ year: number }>()).mutation(({ input }) => ({ year: input.year, at: new Date(0) }))),
      plain: procedure.query(() => "plain"),
    }),
    calls: t.router({
      start: procedure.input(given<StartRequest>()).mutation(({ input }) => {
        script.guard("start");
        return script.start(input);
      }),
      watch: procedure.input(given<WatchRequest>()).subscription(async function* ({ input, signal }) {
        script.guard("watch");
        for await (const message of script.watch(input, signal)) {
          if ("event" in message) yield tracked(`${message.id}:${message.event.seq}`, message);
          else yield message;
        }
      }),
      get: procedure.input(given<{ id: CallId }>()).query(({ input }) => {
        script.ask("get");
        return script.snapshot(input.id);
      }),
      wait: procedure.input(given<WaitRequest>()).query(({ input, signal }) => {
        script.ask("wait");
        return script.wait(input, signal);
      }),
      cancel: procedure.input(given<{ id: CallId; reason?: string }>()).mutation(({ input }) => {
        script.ask("cancel");
        return script.cancel(input.id, input.reason);
      }),
    }),
  });
}

/** An input that is taken as it comes: these tests are about the client. */
function given<T>(): (value: unknown) => T {
  return (value) => value as T;
}

function deferrable<TProcedure>(procedure: TProcedure): TProcedure & DeferrableBrand<{ done: number }> {
  return Object.assign(procedure as TProcedure & object, { "~raincheck": { deferrable: true } } as const);
}

/** What the test clients are typed by. */
export type ScriptedRouter = ReturnType<typeof scriptedRouter>;
