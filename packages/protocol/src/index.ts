export { type CallId, callIdFrom, isCallId } from "./call-id.ts";
export {
  type CallState,
  type FoldedCall,
  type TerminalEvent,
  type TerminalState,
  callStates,
  fold,
  isTerminal,
  isTerminalEvent,
  nextState,
} from "./call-state.ts";
export type {
  CallEvent,
  CallEventType,
  CancelledEvent,
  ExpiredEvent,
  FailedEvent,
  ProgressEvent,
  QueuedEvent,
  RetryingEvent,
  RetryReason,
  StartedEvent,
  SucceededEvent,
  YieldedEvent,
} from "./call-event.ts";
export type { ResultOf, YieldOf } from "./streamed.ts";
export type { Failure, FailureCode } from "./failure.ts";
export {
  type AbortReason,
  type EndedCall,
  AttemptAborted,
  CallCancelled,
  CallExpired,
  CallFailed,
  FinalError,
  RetryError,
  hasTag,
} from "./errors.ts";
export { InvalidOption, refuseUnknownOptions } from "./invalid-option.ts";
export {
  type CallMode,
  type Policy,
  type PolicyMode,
  type PolicyOptions,
  type RetryOptions,
  type RetryPolicy,
  queueName,
  resolvePolicy,
  wholeNumber,
} from "./policy.ts";
export { type Duration, parseDuration, toCappedMs, toMs } from "./duration.ts";
export { limits } from "./limits.ts";
export type {
  CallPage,
  CallSnapshot,
  CancelRequest,
  CancelResult,
  GetRequest,
  HandleJson,
  ListRequest,
  ReplayRequest,
  RetryRequest,
  StartedCall,
  StartOptions,
  StartRequest,
  WaitRequest,
  WatchMessage,
  WatchRequest,
} from "./calls-api.ts";
export type { DeferrableBrand } from "./deferrable-brand.ts";
