import { type ClaimedCall, parseReplyPath } from "@raincheck/engine";
import { hasTag } from "@raincheck/protocol";

import type { Attempt } from "./attempt.ts";
import type { FoundProcedure } from "./bound-router.ts";
import { attemptKey, scopeKey, withProperties } from "./carried-in-context.ts";
import { InvocationRefused } from "./invocation-refused.ts";
import { contextCodec } from "./payload-codec.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { invokeReply } from "./invoke-reply.ts";
import type { InvokeOptions, Invoked } from "./runtime.ts";
import { StartScope } from "./start-scope.ts";
import { runProcedure } from "./trpc-internals.ts";
import { sendMessage } from "./webhooks/send.ts";

/** Runs one attempt of a call through the whole procedure: middleware, validation, resolver. See `RaincheckRuntime.invoke`. */
export async function invoke(core: RaincheckCore, call: ClaimedCall, { signal, onProgress, yields }: InvokeOptions): Promise<Invoked> {
  const reply = parseReplyPath(call.path);
  if (reply?.kind === "webhook") return await sendMessage(core, call, { name: reply.name, signal });
  if (reply !== null) return await invokeReply(core, call, { signal, onProgress, yields });
  const { codecs } = core.bound();
  const { procedure, mark } = await findProcedure(core, call.path);
  signal.throwIfAborted();
  const input = decodeInput(core, call);
  const restored = await restoreContext(core, call);
  signal.throwIfAborted();

  const attempt: Attempt = {
    id: call.id,
    attempt: call.attempt,
    path: call.path,
    failures: call.failures,
    started: new Map(),
    deadline: call.deadlineInMs === null ? null : new Date(core.now() + call.deadlineInMs),
    onProgress,
    yields,
    state: "waiting",
    committed: null,
  };
  // The mode is "sync" here, whatever was captured: calls that middleware and resolver make with this context are plain calls,
  // and those that they start with it are the attempt's.
  const scope = new StartScope(core.engine, { attempt, outer: undefined });
  const ctx = withProperties(restored, { mode: "sync", [attemptKey]: attempt, [scopeKey]: scope });
  try {
    const output = await runProcedure(procedure, { path: call.path, ctx, getRawInput: async () => input, signal });
    if (attempt.committed !== null) return committed(attempt.committed.output);
    return { output: codecs.output.encode(output, { subject: "output", maxBytes: mark.policy.maxOutputBytes }), committed: false };
  } catch (error) {
    if (attempt.committed === null) throw error;
    // The call has succeeded, with its output: nothing that fails afterwards can change that.
    core.log({
      level: "warn",
      path: call.path,
      attempt: { id: call.id, attempt: call.attempt },
      message: "something failed after ctx.call.commit() had ended the call as succeeded. Put what must not fail before it.",
      error,
    });
    return committed(attempt.committed.output);
  }
}

function committed(output: string): Invoked {
  return { output, committed: true };
}

async function findProcedure(core: RaincheckCore, path: string): Promise<FoundProcedure> {
  const found = await core.bound().find(path);
  if (found === null)
    throw new InvocationRefused("UNKNOWN_PROCEDURE", `This worker has no deferrable procedure on path ${JSON.stringify(path)}.`);
  return found;
}

function decodeInput(core: RaincheckCore, call: ClaimedCall): unknown {
  try {
    return core.bound().codecs.input.decode(call.input);
  } catch (cause) {
    throw notReadable("input", cause);
  }
}

async function restoreContext(core: RaincheckCore, call: ClaimedCall): Promise<object> {
  const { id, path, principal, attempt, createdAt } = call;
  let captured: unknown;
  try {
    captured = contextCodec.decode(call.context);
  } catch (cause) {
    throw notReadable("context", cause);
  }
  try {
    const restored: unknown = await core.restore(captured, { id, path, principal, attempt, createdAt });
    if (typeof restored === "object" && restored !== null) return restored;
    throw new TypeError(`restore() gave ${restored === null ? "null" : typeof restored}, not a context.`);
  } catch (cause) {
    throw new InvocationRefused("CONTEXT_REFUSED", "The context of the call could not be restored.", cause);
  }
}

/** A later release's payload is that release's to read: the worker is told by the error's own tag. */
function notReadable(subject: "input" | "context", cause: unknown): unknown {
  if (hasTag(cause, "PayloadUnreadable") && "code" in cause && cause.code === "LATER_VERSION") return cause;
  return new InvocationRefused(
    "INPUT_NOT_READABLE",
    `The stored ${subject} cannot be read. Was it stored with another transformer?`,
    cause,
  );
}
