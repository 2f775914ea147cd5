/** A channel that the test holds in its hands, for the follower on a clock of its own. */
import type { CallEvent, CallId, CallSnapshot, WatchRequest } from "@raincheck/protocol";
import { TRPCClientError } from "@trpc/client";
import { vi } from "vitest";
import type { CallsChannel, WatchObserver } from "../src/calls-channel.ts";
import type { Follower } from "../src/follow.ts";

/** A subscription that does what the test says. */
export interface HeldWatch extends WatchObserver {
  readonly request: WatchRequest;
  /** Opens, and tells of each call that is new in it that it is queued. */
  readonly arrived: () => void;
  closed: boolean;
}

/** A channel whose subscriptions and requests do nothing until the test says so. */
export function heldChannel(options: { readonly refuse?: (request: WatchRequest) => boolean } = {}) {
  const watches: HeldWatch[] = [];
  const requests: { readonly name: "get" | "wait"; readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined }[] =
    [];
  let snapshot = (id: CallId): Promise<CallSnapshot> => Promise.resolve(queued(id));
  const ask =
    (name: "get" | "wait") =>
    (request: { id: CallId; timeoutMs?: number }, { signal }: { signal?: AbortSignal | undefined } = {}) => {
      requests.push({ name, timeoutMs: request.timeoutMs, signal });
      if (name === "get") return snapshot(request.id);
      return new Promise<CallSnapshot>((resolve, reject) => {
        const timer = setTimeout(() => resolve(snapshot(request.id)), request.timeoutMs);
        signal?.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      });
    };
  const channel: CallsChannel = {
    start: () => Promise.reject(new Error("not asked for")),
    cancel: () => Promise.reject(new Error("not asked for")),
    get: ask("get"),
    wait: ask("wait"),
    watch: (request, observer) => {
      const arrived = (): void => {
        observer.opened();
        for (const { id, after } of request.calls) if (after === undefined) observer.message(event(id, 1));
      };
      const watch: HeldWatch = { ...observer, request, arrived, closed: false };
      watches.push(watch);
      if (options.refuse?.(request)) queueMicrotask(() => observer.ended(TRPCClientError.from(new Error("414"))));
      return () => {
        watch.closed = true;
      };
    },
  };
  return {
    channel,
    watches,
    requests,
    open: () => watches.filter(({ closed }) => !closed),
    answer: (next: typeof snapshot) => {
      snapshot = next;
    },
  };
}

/** When all events were. */
export const at = "2001-01-01T00:00:00.000Z";
/** A call that waits, as a request finds it. */
export const queued = (id: CallId): CallSnapshot => ({
  id,
  path: "p",
  state: "queued",
  seq: 1,
  attempt: 0,
  progress: null,
  createdAt: at,
  startedAt: null,
  endedAt: null,
});
/** A call that has ended, as a request finds it. */
export const succeeded = (id: CallId): CallSnapshot => ({
  ...queued(id),
  state: "succeeded",
  seq: 3,
  attempt: 1,
  startedAt: at,
  endedAt: at,
  output: id,
});
/** An early event of a call, as a subscription tells it. */
export const event = (id: CallId, seq: number, type: "queued" | "started" = "queued") =>
  ({ id, event: type === "queued" ? { type, seq, at } : { type, seq, at, attempt: 1 } }) as const;

/** Follows a call and keeps what it hears. */
export function follow(follower: Follower, id: CallId, { withEvents = false } = {}) {
  const heard = { events: [] as CallEvent[], end: null as unknown, error: null as unknown };
  const stop = follower.follow(id, 0, {
    ...(withEvents ? { event: (one: CallEvent) => void heard.events.push(one) } : {}),
    ended: (end) => (heard.end = end),
    failed: (error) => (heard.error = error),
  });
  return { heard, stop };
}

/** Lets everything run that is due, on the test's clock. */
export const settled = () => vi.advanceTimersByTimeAsync(0);
/** The calls of a subscription. */
export const named = (watch: HeldWatch) => watch.request.calls.map(({ id }) => id);
/** The ids of so many calls. */
export const ids = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `call-${from + index}`);
