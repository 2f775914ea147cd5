export { type ContextOf, type RaincheckCreator, initRaincheck } from "./init.ts";
export type { InProcessStartOptions, KeptOutput, Raincheck } from "./raincheck.ts";
export type { AnyTransformer, RaincheckOptions, RestoredCall } from "./raincheck-options.ts";
export type { Log, LogEntry } from "./log.ts";
export type { CallContext } from "./call-context.ts";
export type {
  DeferrableBuilder,
  DeferrableFinish,
  DeferrableInput,
  DeferrableMutation,
  DeferrableQuery,
  DeferrableResolverOptions,
  OfContext,
  OnlyDeferrable,
  ProcedureTypes,
  WithoutOutput,
} from "./deferrable-builder.ts";
export type { CallsBuilder, CallsOptions, CallsProcedures } from "./calls.ts";
export type { CallHandle } from "./call-handle.ts";
export type { HttpContext, HttpRequest, ResponseMeta, ResponseMetaOptions } from "./http.ts";
export { type BufferingServer, type BufferingSocket, type WebSocketLimits, limitWebSocketBuffer } from "./limit-web-socket-buffer.ts";
export type { Reply, ReplyContext, ReplyHandler, ReplyHandlers, ReplyOptions } from "./reply.ts";
export type { DeadReply, ReplyQueue } from "./reply-queue.ts";
export type { PageQuery } from "./reply-log.ts";
export type { WebhookEndpoint } from "./webhooks/endpoint.ts";
export type { Webhook, SentMessage } from "./webhooks/webhook.ts";
export { PayloadRefused, type PayloadSubject } from "./payload-refused.ts";
export { type RetryHint, retryHint } from "./retry-hint.ts";
export type { DescribedError, Invoked, InvokeOptions, RaincheckRuntime, YieldSink } from "./runtime.ts";
export { AttemptAborted, FinalError, InvalidOption, RetryError, hasTag } from "@raincheck/protocol";
export type {
  AbortReason,
  CallEvent,
  CallId,
  CallMode,
  CallSnapshot,
  CallState,
  Duration,
  Failure,
  FailureCode,
  HandleJson,
  PolicyMode,
  PolicyOptions,
  RetryOptions,
  StartedCall,
  StartOptions,
} from "@raincheck/protocol";
