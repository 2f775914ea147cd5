import type {
  CallSnapshot,
  CancelRequest,
  CancelResult,
  GetRequest,
  StartedCall,
  StartRequest,
  WaitRequest,
  WatchMessage,
  WatchRequest,
} from "@raincheck/protocol";
import type { Wire, WireObserver, WireRequest } from "./wire.ts";

/** What rides along with a request. */
export type RequestOptions = Pick<WireRequest, "context" | "signal">;

/** What a watch tells; see {@link WireObserver}. */
export interface WatchObserver extends Omit<WireObserver, "data"> {
  readonly message: (message: WatchMessage) => void;
}

/** The application's `calls` procedures, typed by the protocol. */
export interface CallsChannel {
  start(request: StartRequest, options?: RequestOptions): Promise<StartedCall>;
  get(request: GetRequest, options?: RequestOptions): Promise<CallSnapshot>;
  wait(request: WaitRequest, options?: RequestOptions): Promise<CallSnapshot>;
  cancel(request: CancelRequest, options?: RequestOptions): Promise<CancelResult>;
  /** See {@link Wire.subscribe}. */
  watch(request: WatchRequest, observer: WatchObserver): () => void;
}

/** @param calls the path at which the application's router has the `calls` procedures. */
export function callsChannel(wire: Wire, calls: string): CallsChannel {
  // The one place where the wire's `unknown` becomes the protocol's types: both sides are typed by the same file.
  const procedure =
    <TOutput>(type: WireRequest["type"], name: string) =>
    (input: unknown, options?: RequestOptions) =>
      wire.request({ type, path: `${calls}.${name}`, input, ...options }) as Promise<TOutput>;

  return {
    start: procedure("mutation", "start"),
    get: procedure("query", "get"),
    wait: procedure("query", "wait"),
    cancel: procedure("mutation", "cancel"),
    watch: (request, { message, ...observer }) =>
      wire.subscribe(`${calls}.watch`, request, { ...observer, data: (value) => message(untracked(value as Tracked | WatchMessage)) }),
  };
}

interface Tracked {
  readonly id: string;
  readonly data: WatchMessage;
}

/** tRPC's links hand a tracked event over in an envelope, any other as it is. */
function untracked(value: Tracked | WatchMessage): WatchMessage {
  return "data" in value ? value.data : value;
}
