import { type CallEvent, type Failure, isTerminal } from "@raincheck/protocol";
import type { Handle } from "./handle.ts";

/**
 * What a user interface shows of a call. It never changes: a new one takes its place.
 *
 * @typeParam TOutput the procedure's output.
 * @typeParam TProgress what the resolver passes to `ctx.call.progress()`.
 */
export type CallView<TOutput = unknown, TProgress = unknown> = Readonly<
  {
    /** The `seq` of the last event in it; 0: none yet. */
    seq: number;
    /** The latest attempt; 0 before the first. */
    attempt: number;
    /** The latest progress of the latest attempt; `null`: none. */
    progress: TProgress | null;
    /** Why the call cannot be followed, such as a `TRPCClientError` with `NOT_FOUND`; `null`: it can. Whoever subscribes next tries again. */
    error: unknown;
  } & (
    | { /** `"unknown"`: nothing was heard of it yet. */ state: "unknown" | "queued" | "running" }
    | { state: "succeeded"; output: TOutput }
    | { state: "failed" | "expired"; failure: Failure }
    | { state: "cancelled"; reason: string | null }
  )
>;

/**
 * A call as an external store: what React's `useSyncExternalStore` takes, and what Vue, Svelte, Solid and others have adapters for.
 * The call is followed while somebody is subscribed.
 */
export interface CallStore<TOutput = unknown, TProgress = unknown> {
  /** Calls back after each change; follows the call until nobody is subscribed any more, or it has ended. @returns what unsubscribes. */
  readonly subscribe: (changed: () => void) => () => void;
  /** The call as far as it is known: the same object until something changes. */
  readonly getSnapshot: () => CallView<TOutput, TProgress>;
}

const unheardOf: CallView<never, never> = { state: "unknown", seq: 0, attempt: 0, progress: null, error: null };

const stores = new WeakMap<object, CallStore>();

/**
 * The store of a handle: the same each time it is asked for.
 *
 * ```tsx
 * const store = callStore(handle);
 * const call = useSyncExternalStore(store.subscribe, store.getSnapshot);
 * if (call.state === "succeeded") return <Report report={call.output} />;
 * ```
 */
export function callStore<TOutput, TProgress>(handle: Handle<TOutput, TProgress, unknown>): CallStore<TOutput, TProgress> {
  // What is kept under a handle was made for it, with its types.
  let store = stores.get(handle) as CallStore<TOutput, TProgress> | undefined;
  if (store === undefined) stores.set(handle, (store = newStore(handle)));
  return store;
}

function newStore<TOutput, TProgress>(handle: Handle<TOutput, TProgress, unknown>): CallStore<TOutput, TProgress> {
  let view: CallView<TOutput, TProgress> = unheardOf;
  // Of objects: one function may be subscribed twice.
  const listeners = new Set<{ readonly changed: () => void }>();
  let following: AbortController | null = null;

  const show = (next: CallView<TOutput, TProgress>): void => {
    view = next;
    // Who comes while they are told knows the view already.
    const told = Array.from(listeners);
    for (const { changed } of told) callApart(changed);
  };

  const follow = async (abort: AbortController): Promise<void> => {
    const { signal } = abort;
    try {
      for await (const event of handle.events({ after: view.seq, signal })) {
        if (signal.aborted) return;
        show(viewAfter(view, event));
      }
    } catch (error) {
      if (signal.aborted) return;
      following = null;
      show({ ...view, error });
    }
  };

  return {
    subscribe(changed) {
      const listener = { changed };
      listeners.add(listener);
      if (following === null && !(view.state !== "unknown" && isTerminal(view.state))) {
        if (view.error !== null) view = { ...view, error: null };
        void follow((following = new AbortController()));
      }
      return () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        following?.abort();
        following = null;
      };
    },
    getSnapshot: () => view,
  };
}

/** What a listener throws is its own: it neither ends the following nor keeps the others from being told. */
function callApart(changed: () => void): void {
  try {
    changed();
  } catch (error) {
    // As a listener of an event target: reported where uncaught errors are.
    queueMicrotask(() => {
      throw error;
    });
  }
}

function viewAfter<TOutput, TProgress>(
  { seq, attempt, progress }: CallView<TOutput, TProgress>,
  event: CallEvent<TOutput, TProgress>,
): CallView<TOutput, TProgress> {
  const known = { seq: Math.max(seq, event.seq), attempt, progress, error: null };
  switch (event.type) {
    case "queued":
    case "retrying":
      return { ...known, state: "queued" };
    case "started":
      return { ...known, state: "running", attempt: event.attempt, progress: null };
    case "progress":
      return { ...known, state: "running", progress: event.value };
    case "succeeded":
      return { ...known, state: "succeeded", output: event.output };
    case "failed":
    case "expired":
      return { ...known, state: event.type, failure: event.failure };
    case "cancelled":
      return { ...known, state: "cancelled", reason: event.reason };
    default:
      // Whatever else an attempt tells: it runs.
      return { ...known, state: "running" };
  }
}
