import type { TRPCClientRuntime } from "@trpc/client";
import { type CallsChannel, callsChannel } from "./calls-channel.ts";
import { Follower } from "./follow.ts";
import type { HandleMaker } from "./handle.ts";
import type { Wire } from "./wire.ts";

/** The followers of each tRPC client, by the path of its `calls` procedures. tRPC makes one runtime per client. */
const followers = new WeakMap<TRPCClientRuntime, Map<string, Follower>>();

/**
 * The parts that all handles of one tRPC client share, `createDeferClient` and `deferLink` alike: two subscriptions at
 * most belong to a client, not to each of these.
 */
export function handleMaker(runtime: TRPCClientRuntime, { calls, wire }: { calls: string; wire: Wire }): HandleMaker {
  const channel: CallsChannel = callsChannel(wire, calls);
  let byPath = followers.get(runtime);
  if (byPath === undefined) followers.set(runtime, (byPath = new Map()));
  let follower = byPath.get(calls);
  if (follower === undefined) byPath.set(calls, (follower = new Follower(channel)));
  return { channel, follower };
}
