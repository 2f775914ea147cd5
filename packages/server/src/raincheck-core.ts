/** What the parts of one raincheck share. */
import type { Engine } from "@raincheck/engine";
import type { CallId } from "@raincheck/protocol";
import type { AnyTRPCProcedure } from "@trpc/server";

import type { BoundRouter } from "./bound-router.ts";
import type { Log } from "./log.ts";
import type { RestoredCall } from "./raincheck-options.ts";
import type { SharedReads } from "./shared-reads.ts";
import type { ReplyConsumer } from "./reply-queue.ts";
import type { WebhookConnections } from "./webhooks/connections.ts";
import type { ResolvedEndpoint } from "./webhooks/endpoint.ts";

/** See the file's head. The contexts of the application have lost their type here: methods, so that each may be given its own. */
export interface RaincheckCore {
  readonly engine: Engine;
  /** The engine's reads, shared by those who ask the same at the same moment. */
  readonly reads: SharedReads;
  principal(context: object): string | null;
  capture(context: object): unknown;
  restore(captured: unknown, call: RestoredCall): object | Promise<object>;
  readonly log: Log;
  /** Makes the id of a new call. */
  newCallId(): CallId;
  /** Makes the id under which an error that the caller may not see is logged. */
  newErrorId(): string;
  /** The time in milliseconds, for `ctx.call.deadline` alone: everything else goes by the engine's clock. */
  now(): number;
  /**
   * The router that `bind()` was given.
   *
   * @throws when it was not called yet.
   */
  bound(): BoundRouter;
  /** Whether `bind()` was called. */
  isBound(): boolean;
  /** What the engine threw at resolvers, so that an error of the application that looks like it is not taken for it. */
  readonly engineErrors: WeakSet<object>;
  /** What a caller's own transaction threw: the database's errors, by which the caller knows whether to begin it again. */
  readonly transactionErrors: WeakSet<object>;
  /** The answers of accepted calls, so that `responseMeta` knows them from outputs. */
  readonly acceptedAnswers: WeakSet<object>;
  /** The answers of `get` that say of a call that it is open, so that `responseMeta` says when to ask again. */
  readonly openAnswers: WeakSet<object>;
  /** The consumers of replies, by queue. */
  readonly replyConsumers: Map<string, ReplyConsumer>;
  /** Whether a worker has asked for the queues of replies: it does not ask again. */
  hasWorker: boolean;
  /** The endpoints of webhooks, by name. */
  readonly webhooks: ReadonlyMap<string, ResolvedEndpoint>;
  readonly webhookConnections: WebhookConnections;
  /** The `get` procedures that `calls()` made: where `Location` may point. */
  readonly getProcedures: Set<AnyTRPCProcedure>;
}
