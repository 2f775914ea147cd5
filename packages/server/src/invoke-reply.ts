/**
 * Running replies. A reply is a call of the engine's own (see the engine's `reply.ts`): a worker claims it as any other, and this is what
 * runs in the place of a procedure. There is no middleware and no restored context, for nobody asked for it from outside.
 */
import { type ClaimedCall, parseReply, parseReplyPath } from "@raincheck/engine";
import type { Policy } from "@raincheck/protocol";

import type { Attempt } from "./attempt.ts";
import { openCallContext } from "./call-context.ts";
import { InvocationRefused } from "./invocation-refused.ts";
import type { PayloadCodec } from "./payload-codec.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import type { Reply, ReplyHandler } from "./reply.ts";
import type { InvokeOptions, Invoked } from "./runtime.ts";
import { StartScope } from "./start-scope.ts";

/** The policy of the replies at a path; `null`: this process has no consumer and no webhook for it, or it is no reply's path. */
export function replyPolicyAt(core: RaincheckCore, path: string): Policy | null {
  const named = parseReplyPath(path);
  if (named?.kind === "webhook") return core.webhooks.get(named.name)?.policy ?? null;
  return consumerOf(core, path)?.policy ?? null;
}

/** Runs one attempt at a reply, in one commit with what its handler writes. */
export async function invokeReply(core: RaincheckCore, call: ClaimedCall, { signal, onProgress, yields }: InvokeOptions): Promise<Invoked> {
  const consumer = consumerOf(core, call.path);
  if (consumer === null)
    throw new InvocationRefused("UNKNOWN_PROCEDURE", `This worker has no consumer for replies at ${JSON.stringify(call.path)}.`);
  const codec = core.bound().codecs.output;
  const reply = decodeReply(call, codec);
  const attempt: Attempt = {
    id: call.id,
    attempt: call.attempt,
    path: call.path,
    failures: call.failures,
    started: new Map(),
    deadline: null,
    onProgress,
    yields,
    state: "running",
    committed: null,
  };
  const { engine, engineErrors } = core;
  const scope = new StartScope(engine, { attempt, outer: undefined });
  const { maxOutputBytes } = consumer.policy;
  const run = openCallContext({ engine, engineErrors, attempt, scope, codec, maxOutputBytes, parse: (value) => value });
  await run.call.commit(async (tx) => {
    signal.throwIfAborted();
    await consumer.handler(reply, { tx, signal, attempt: call.attempt });
    signal.throwIfAborted();
  });
  return { output: attempt.committed!.output, committed: true };
}

function consumerOf(core: RaincheckCore, path: string): { policy: Policy; handler: ReplyHandler<Reply, unknown> } | null {
  const named = parseReplyPath(path);
  const consumer = named === null ? undefined : core.replyConsumers.get(named.name);
  const handler = consumer?.handlers.get(named?.path ?? "");
  return consumer === undefined || handler === undefined ? null : { policy: consumer.policy, handler };
}

function decodeReply(call: ClaimedCall, codec: PayloadCodec): Reply {
  const { state, output, failure, cancelReason, endedAt, ...rest } = parseReply(call.input);
  const ended = { ...rest, endedAt: new Date(endedAt) };
  switch (state) {
    case "succeeded":
      return { ...ended, state, output: codec.decode(output!) };
    case "cancelled":
      return { ...ended, state, cancelReason };
    default:
      return { ...ended, state, failure: failure! };
  }
}
