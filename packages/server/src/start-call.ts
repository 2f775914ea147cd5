import { type StartOptions, hasTag } from "@raincheck/protocol";
import { TRPCError } from "@trpc/server";

import type { AcceptedCall } from "./accept-call.ts";
import type { FoundProcedure } from "./bound-router.ts";
import { startKey, withProperties } from "./carried-in-context.ts";
import { deferrableMark } from "./deferrable-mark.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { readSafely } from "./read-safely.ts";
import type { StartIntent } from "./start-intent.ts";
import { isProcedure, runProcedure } from "./trpc-internals.ts";

/** A call to start, with the context of whoever starts it. */
export interface CallToStart {
  readonly path: string;
  readonly input: unknown;
  readonly options: StartOptions;
  readonly ctx: object | undefined;
  readonly signal: AbortSignal | undefined;
  /** The caller's own open transaction; `undefined`: none. */
  readonly transaction: unknown;
  /** The reply queues to which its end is told. */
  readonly replyQueues: readonly string[];
  /** Whether whoever starts it may wait for its end at once. */
  readonly listen: boolean;
}

/**
 * Starts a call by its path: runs the procedure with all its middleware and validation in async mode, so that it is accepted
 * where its resolver would have run.
 *
 * @throws whatever the procedure's middleware throws, and see `acceptCall`; as they are, not wrapped by tRPC, a `StaleAttempt`, for it is the
 *   attempt's own error, and what the caller's own transaction threw, for it tells the caller whether to begin again.
 */
export async function startCall(core: RaincheckCore, call: CallToStart): Promise<AcceptedCall> {
  const { procedure } = ownProcedure(core, await core.bound().require(call.path), call.path);
  const { path, options, transaction, replyQueues, listen } = call;
  const intent: StartIntent = { path, options, transaction, replyQueues, listen, accepted: null };
  const ctx = withProperties(call.ctx ?? {}, { mode: "async", [startKey]: intent });
  try {
    await runProcedure(procedure, { path: call.path, ctx, getRawInput: async () => call.input, signal: call.signal });
  } catch (error) {
    const cause = readSafely(error, "cause");
    const isWrapped = readSafely(error, "code") === "INTERNAL_SERVER_ERROR" && typeof cause === "object" && cause !== null;
    throw hasTag(cause, "StaleAttempt") || (isWrapped && core.transactionErrors.has(cause)) ? cause : error;
  }
  if (intent.accepted !== null) return intent.accepted;
  throw new TRPCError({
    code: "INTERNAL_SERVER_ERROR",
    message: `No call of ${JSON.stringify(call.path)} was started: one of its middlewares answered by itself, or called another procedure's next().`,
  });
}

function ownProcedure(core: RaincheckCore, found: FoundProcedure, path: string): FoundProcedure {
  if (found.mark.core === core) return found;
  throw new TRPCError({
    code: "INTERNAL_SERVER_ERROR",
    message: `The procedure on path ${JSON.stringify(path)} was made by another raincheck than the one that its router is bound to.`,
  });
}

/**
 * The path of a procedure that was handed to `raincheck.start()`.
 *
 * @throws {TypeError} when it is not a deferrable procedure of the bound router.
 */
export async function pathOfProcedure(core: RaincheckCore, procedure: unknown): Promise<string> {
  if (!isProcedure(procedure)) {
    throw new TypeError(
      "raincheck.start() takes a procedure of the bound router, such as appRouter.flights.report. One of a lazy router is there when it has been loaded.",
    );
  }
  if (deferrableMark(procedure) === null)
    throw new TypeError("raincheck.start() takes a deferrable procedure: build it with raincheck.deferrable(builder).");
  const path = await core.bound().pathOf(procedure);
  if (path === null)
    throw new TypeError("raincheck.start() was given a procedure that is not in the router that raincheck.bind() was given.");
  return path;
}
