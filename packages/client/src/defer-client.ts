import { type CallId, type Duration, type HandleJson, InvalidOption, parseDuration } from "@raincheck/protocol";
import { type TRPCClient, getUntypedClient } from "@trpc/client";
import type { AnyTRPCRouter } from "@trpc/server";
import { pause } from "./backoff.ts";
import { type AnyHandle, type HandleMaker, attachedId, createHandle } from "./handle.ts";
import { handleMaker } from "./handle-maker.ts";
import type { DeferClient, DeferOptions, FirstOf } from "./inference.ts";
import { startCall } from "./start-call.ts";
import { clientWire } from "./wire.ts";

/** Options of {@link createDeferClient}. */
export interface DeferClientOptions {
  /** The path at which the application's router has the `calls` procedures. Default `"calls"`. */
  readonly calls?: string | undefined;
}

/**
 * The deferrable procedures of a tRPC client: each call gives a handle at once, and the handle gives the result later.
 *
 * ```ts
 * const defer = createDeferClient(trpc);
 * const handle = await defer.flights.report(input);
 * const report = await handle.result();
 * ```
 *
 * All requests go through the client's own links. All handles of one client together hold at most two subscriptions open,
 * and none when nobody waits. A procedure that a nested router calls `within` or `attach` cannot be told from the
 * methods of these names; rename it.
 */
export function createDeferClient<TRouter extends AnyTRPCRouter>(
  trpc: TRPCClient<TRouter>,
  options: DeferClientOptions = {},
): DeferClient<TRouter> {
  const client = getUntypedClient(trpc);
  const { calls = "calls" } = options;
  const maker = handleMaker(client.runtime, { calls, wire: clientWire(client) });
  // The proxy answers to every path; which of them exist is decided by the type.
  return deferProxy(maker, []) as DeferClient<TRouter>;
}

function deferProxy(maker: HandleMaker, path: readonly string[]): unknown {
  const children = new Map<string, unknown>();
  return new Proxy(() => {}, {
    get(_target, key) {
      // Not a promise, though `await` asks.
      if (typeof key !== "string" || key === "then") return undefined;
      let child = children.get(key);
      if (child === undefined) children.set(key, (child = deferProxy(maker, [...path, key])));
      return child;
    },
    apply(_target, _this, args) {
      const method = path.length > 1 ? path.at(-1) : undefined;
      if (method === "attach") return attach(maker, path.slice(0, -1).join("."), args[0]);
      if (method === "within") return within(maker, path.slice(0, -1).join("."), args as Parameters<Within>);
      const [input, options] = args as [unknown, DeferOptions?];
      return defer(maker, { path: path.join("."), input, options });
    },
  });
}

type Within = (wait: Duration, input: unknown, options?: DeferOptions) => Promise<FirstOf<unknown, unknown, unknown>>;

interface Deferral {
  readonly path: string;
  readonly input: unknown;
  readonly options: DeferOptions | undefined;
}

function attach(maker: HandleMaker, path: string, handle: CallId | HandleJson): AnyHandle {
  return createHandle(maker, { id: attachedId(handle, path), path }, { fresh: false });
}

async function defer(maker: HandleMaker, { path, input, options = {} }: Deferral): Promise<AnyHandle> {
  if (typeof options !== "object" || options === null) throw new InvalidOption("options", options, "an object of start options");
  const { signal, ...startOptions } = options;
  const { id, created } = await startCall(maker.channel, { path, input, options: startOptions, signal });
  return createHandle(maker, { id, path }, { fresh: created });
}

async function within(
  maker: HandleMaker,
  path: string,
  [wait, input, options]: Parameters<Within>,
): Promise<FirstOf<unknown, unknown, unknown>> {
  const waitMs = parseDuration(wait);
  if (waitMs === null) throw new InvalidOption("wait", wait, `a number, a space and a unit, such as "5 minutes"`);
  if (waitMs > maxTimerMs) throw new InvalidOption("wait", wait, "at most 24 days; for longer, keep the handle");
  const over = new AbortController();
  const timer = pause(waitMs, over.signal).then(
    () => "over" as const,
    () => "over" as const,
  );
  const { signal } = options ?? {};
  const abort = () => over.abort(signal?.reason);
  try {
    const handle = await defer(maker, { path, input, options });
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort, { once: true });
    const first = await Promise.race([timer, handle.result({ signal: over.signal }).then((output) => ({ done: true, output }) as const)]);
    signal?.throwIfAborted();
    return first === "over" ? { done: false, handle } : first;
  } finally {
    signal?.removeEventListener("abort", abort);
    over.abort();
  }
}

/** What a timer can hold: 2^31 - 1 milliseconds. */
const maxTimerMs = 2_147_483_647;
