import {
  type CallEvent,
  type CallId,
  type CallSnapshot,
  type HandleJson,
  type TerminalEvent,
  CallCancelled,
  CallExpired,
  CallFailed,
  InvalidOption,
  isCallId,
  limits,
} from "@raincheck/protocol";
import { retry } from "./backoff.ts";
import { callEvents } from "./call-events.ts";
import type { CallsChannel } from "./calls-channel.ts";
import { isRefusal } from "./client-error.ts";
import { endOf } from "./events-of.ts";
import type { CallListener } from "./followed-call.ts";
import type { Follower } from "./follow.ts";

/**
 * A typed reference to one call. It holds no connection until it is asked something, and no secret:
 * `JSON.stringify(handle)` is `{"id":…,"path":…}`, for `attach` in any other place.
 *
 * Every method rejects with a `TRPCClientError` when the server refuses: `NOT_FOUND` for a call that does not exist or is
 * another principal's. Aborting a signal stops the asking, never the call; that is `cancel`.
 *
 * @typeParam TOutput the procedure's output; of a streaming one (`async function*`), what it returns.
 * @typeParam TProgress what the resolver passes to `ctx.call.progress()`.
 * @typeParam TYield what a streaming procedure yields; `never` for any other.
 */
export interface Handle<TOutput = unknown, TProgress = unknown, TYield = never> {
  readonly id: CallId;
  readonly path: string;

  /**
   * The call's output, as soon as it has ended. Waits as long as it takes, over lost connections too.
   *
   * @throws {CallFailed} {@link CallFailed} when the call failed.
   * @throws {CallCancelled} {@link CallCancelled} when it was cancelled.
   * @throws {CallExpired} {@link CallExpired} when its time ran out.
   * @throws the signal's reason when it aborts.
   */
  result(options?: FollowOptions): Promise<TOutput>;

  /**
   * The call's events: those that were, then those to come, up to the terminal one. Each once, in order; a call that fails
   * ends with its `failed` event, not with an error. What a streaming procedure yields comes as `yielded` events; those of an attempt
   * that was not the last carry its number, so that they can be dropped when the next has started.
   *
   * Where no subscription works, the events are those that repeated requests can tell: states and progress as they were
   * found, about one a second, with `seq` rising but not exact; there are no `yielded` events then.
   */
  events(options?: EventsOptions): AsyncIterableIterator<CallEvent<TOutput, TProgress, TYield>, undefined>;

  /** The call as it is now. */
  get(options?: FollowOptions): Promise<CallSnapshot<TOutput, TProgress>>;

  /**
   * Ends the call as cancelled. A running attempt is told by its signal.
   *
   * @param reason for the caller and the log; at most 1000 characters.
   * @returns `true` when this ended the call, `false` when it had already ended.
   */
  cancel(reason?: string): Promise<boolean>;

  toJSON(): HandleJson;
}

/** A handle of a procedure whose types are not known here. */
export type AnyHandle = Handle<unknown, unknown, unknown>;

/** Options of {@link Handle.result} and {@link Handle.get}. */
export interface FollowOptions {
  /** Aborting it rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Handle.events}. */
export interface EventsOptions extends FollowOptions {
  /**
   * The `seq` of the last event that is known: only later ones are told. Default 0: all. One that the call has not come to ends the
   * iteration with an `InvalidOption`.
   */
  readonly after?: number | undefined;
}

/** What a client's handles share. */
export interface HandleMaker {
  readonly channel: CallsChannel;
  readonly follower: Follower;
}

/** @param options.fresh the call was just created, so its whole log is short. */
export function createHandle({ channel, follower }: HandleMaker, { id, path }: HandleJson, { fresh }: { fresh: boolean }): AnyHandle {
  const end = sharedEnd(follow);

  /** Reads the call, however long the network is away, and makes sure that it is of the procedure whose types the handle has. */
  async function locate(signal: AbortSignal): Promise<CallSnapshot> {
    const tries = { tries: Number.POSITIVE_INFINITY, again: (error: unknown) => !isRefusal(error), signal };
    const snapshot = await retry(() => channel.get({ id }, { signal }), tries);
    refuseOtherPath(snapshot.path, path);
    return snapshot;
  }

  /** @param after `null`: only the end counts, so whatever was before is not read. */
  function follow(after: number | null, listener: CallListener): () => void {
    // Of a fresh call there is little to skip, and of a cursor at 0 nothing.
    if (after === 0 || (after === null && fresh)) return follower.follow(id, 0, listener);
    const abort = new AbortController();
    const locateAndFollow = async () => {
      try {
        const snapshot = await locate(abort.signal);
        if (abort.signal.aborted) return;
        if (after !== null && after > snapshot.seq) throw unknownCursor(after, snapshot.seq);
        const ended = endOf(snapshot);
        if (ended !== null && ended.seq <= (after ?? ended.seq)) return listener.ended(ended);
        const stop = follower.follow(id, after ?? snapshot.seq, listener);
        abort.signal.addEventListener("abort", stop);
      } catch (error) {
        if (!abort.signal.aborted) listener.failed(error);
      }
    };
    void locateAndFollow();
    return () => abort.abort();
  }

  return {
    id,
    path,
    async result({ signal } = {}) {
      const event = await end(signal);
      switch (event.type) {
        case "succeeded":
          return event.output;
        case "failed":
          throw new CallFailed({ id, path }, event.failure);
        case "cancelled":
          throw new CallCancelled({ id, path }, event.reason);
        case "expired":
          throw new CallExpired({ id, path }, event.failure);
        default:
          return event satisfies never;
      }
    },
    events: ({ after = 0, signal } = {}) => {
      if (!Number.isSafeInteger(after) || after < 0) throw new InvalidOption("after", after, "the seq of an event, or 0");
      return callEvents({ follow }, { after, signal });
    },
    async get({ signal } = {}) {
      const snapshot = await channel.get({ id }, { signal }).catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      });
      refuseOtherPath(snapshot.path, path);
      return snapshot;
    },
    async cancel(reason) {
      if (reason !== undefined && reason.length > limits.cancelReasonChars) {
        throw new InvalidOption("reason", reason, `at most ${limits.cancelReasonChars} characters`);
      }
      return (await channel.cancel({ id, ...(reason === undefined ? {} : { reason }) })).cancelled;
    },
    toJSON: () => ({ id, path }),
  };
}

/** The id of a handle, an id or a handle's JSON, once it is sure that it belongs to the path. */
export function attachedId(handle: CallId | HandleJson, path: string): CallId {
  const json = typeof handle === "string" && handle.startsWith("{") ? parse(handle) : handle;
  if (typeof json === "object" && json !== null && "path" in json) refuseOtherPath(json.path, path);
  const id = typeof json === "object" && json !== null && "id" in json ? json.id : json;
  if (!isCallId(id))
    throw new InvalidOption("handle", handle, `a call's id, a handle, or a handle's JSON such as {"id":…,"path":"${path}"}`);
  return id;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function refuseOtherPath(actual: unknown, expected: string): void {
  if (actual !== expected) throw new InvalidOption("handle.path", actual, `"${expected}", whose attach() it was given to`);
}

function unknownCursor(after: number, last: number): InvalidOption {
  return new InvalidOption("after", after, `the seq of an event of this call, whose last is ${last}, or 0`);
}

type Follow = (after: number | null, listener: CallListener) => () => void;

/** The call's end, followed once for all who wait for it, and for as long as any does. */
function sharedEnd(follow: Follow): (signal: AbortSignal | undefined) => Promise<TerminalEvent> {
  interface Waiter {
    resolve(end: TerminalEvent): void;
    reject(error: unknown): void;
  }
  const waiters = new Set<Waiter>();
  let known: TerminalEvent | null = null;
  let stop = () => {};

  const leave = (waiter: Waiter) => {
    if (waiters.delete(waiter) && waiters.size === 0) stop();
  };
  const all = (tell: (waiter: Waiter) => void) => {
    const told = [...waiters];
    waiters.clear();
    for (const waiter of told) tell(waiter);
  };

  return (signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (known !== null) return resolve(known);
      const abort = () => {
        leave(waiter);
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", abort);
      const waiter: Waiter = {
        resolve: (end) => (done(), resolve(end)),
        reject: (error) => (done(), reject(error)),
      };
      signal?.addEventListener("abort", abort, { once: true });
      waiters.add(waiter);
      if (waiters.size > 1) return;
      stop = follow(null, {
        ended: (end) => {
          known = end;
          all((one) => one.resolve(end));
        },
        // Not kept: the next result() asks anew.
        failed: (error) => all((one) => one.reject(error)),
      });
    });
}
