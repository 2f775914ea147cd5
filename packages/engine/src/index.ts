export type {
  Acceptance,
  AttemptRef,
  CallRecord,
  Cancellation,
  ClaimedCall,
  ClaimRequest,
  Engine,
  EventPage,
  ListPage,
  ListQuery,
  LossReason,
  LostAttempt,
  NewCall,
  Payload,
  Reader,
  SettleResult,
  Settlement,
  StoredEvent,
  Vouching,
  Withheld,
} from "./engine.ts";
export { parentCancelled } from "./engine.ts";
export { EngineFull, EngineSetupError, EngineUnavailable, IdempotencyConflict, StaleAttempt, TransactionRefused } from "./engine-errors.ts";
