export type { Engine } from "./engine.ts";
export type { Acceptance, NewCall } from "./new-call.ts";
export type { ClaimedCall, ClaimRequest, Vouching, Withheld } from "./claim-request.ts";
export type { AttemptRef, LossReason, LostAttempt, SettleResult, Settlement } from "./attempt.ts";
export type { Heartbeat } from "./heartbeat.ts";
export type { CallRecord, EventPage, ListPage, ListQuery, Reader, StoredEvent } from "./call-record.ts";
export { type Cancellation, parentCancelled } from "./cancellation.ts";
export type { Payload } from "./payload.ts";
export { type ReplyPlace, type StoredReply, concurrencyOfReplies, isOfReplies, parseReply, parseReplyPath, replyPlace } from "./reply.ts";
export type { Repeat, RepeatKind, Repetition } from "./repetition.ts";
export type { WakeHint } from "./wake-hint.ts";
export type { Yields } from "./yields.ts";
export {
  EngineFull,
  EngineSetupError,
  EngineStopped,
  EngineUnavailable,
  IdempotencyConflict,
  ServerWarning,
  StaleAttempt,
  TransactionRefused,
  YieldsMissing,
} from "./engine-errors.ts";
