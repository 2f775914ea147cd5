import type { AttemptRef } from "./attempt.ts";

/** The ledger could not be reached or did not answer. Whether the act happened is not known; repeating it is safe. */
export class EngineUnavailable extends Error {
  readonly _tag = "EngineUnavailable";
  readonly code: "UNAVAILABLE" | "STOPPED" = "UNAVAILABLE";

  constructor(act: string, cause: unknown, sentence = `The ledger did not answer (${act}).`) {
    super(sentence, { cause });
    this.name = "EngineUnavailable";
  }
}

/**
 * `engine.stop()` was called before. Its tag is that of {@link EngineUnavailable}, for nothing is known of an act under way either; its
 * code says that this engine will never answer again.
 */
export class EngineStopped extends EngineUnavailable {
  override readonly code = "STOPPED";

  constructor(act: string) {
    super(act, undefined, `The engine was stopped, and does not start again (${act}).`);
    this.name = "EngineStopped";
  }
}

/** The idempotency key names a call that was accepted with another input. */
export class IdempotencyConflict extends Error {
  readonly _tag = "IdempotencyConflict";
  readonly code = "CONFLICT";

  constructor(path: string) {
    super(`This idempotency key was used for a call of ${path} with another input. Use a new key for a new call.`);
    this.name = "IdempotencyConflict";
  }
}

/** The attempt tried to write for a call that is no longer its own; nothing of what it wrote is kept. */
export class StaleAttempt extends Error {
  readonly _tag = "StaleAttempt";
  readonly code = "STALE_ATTEMPT";

  /** @param outcome what became of its act. */
  constructor(attempt: AttemptRef, outcome = "what it wrote was rolled back") {
    super(`Attempt ${attempt.attempt} of call ${attempt.id} is no longer the current one; ${outcome}.`);
    this.name = "StaleAttempt";
  }
}

/** What an attempt wants to append does not follow on what the ledger has of it: the caller has left values out. Nothing was written. */
export class YieldsMissing extends Error {
  readonly _tag = "YieldsMissing";
  readonly code = "YIELDS_MISSING";

  constructor({ id, attempt }: AttemptRef) {
    super(
      `Attempt ${attempt} of call ${id} appends values behind some that the ledger does not have. Append each attempt's in their order.`,
    );
    this.name = "YieldsMissing";
  }
}

/**
 * What was passed as the caller's own transaction is none that a call can be accepted in; the message says what to pass instead.
 * Nothing was written.
 */
export class TransactionRefused extends Error {
  readonly _tag = "TransactionRefused";
  readonly code = "TRANSACTION";

  constructor(sentence: string) {
    super(`The call cannot be accepted in this transaction. ${sentence}`);
    this.name = "TransactionRefused";
  }
}

/** The engine cannot start as it is set up; the message is one sentence with the mend. */
export class EngineSetupError extends Error {
  readonly _tag = "EngineSetupError";
  readonly code = "SETUP";

  constructor(sentence: string, cause?: unknown) {
    super(sentence, { cause });
    this.name = "EngineSetupError";
  }
}

/** The engine takes no more calls for now: the memory engine's `maxQueued`, or more than Postgres takes wait in this process. Nothing was stored. */
export class EngineFull extends Error {
  readonly _tag = "EngineFull";
  readonly code = "FULL";

  constructor(sentence: string) {
    super(sentence);
    this.name = "EngineFull";
  }
}

/** Something about the server will slow every call down, and its operator can mend it; the message says how. Nothing has failed yet. */
export class ServerWarning extends Error {
  readonly _tag = "ServerWarning";
  readonly code = "SERVER_WARNING";
  readonly about: "open-transaction" | "notification-queue";

  constructor(about: ServerWarning["about"], sentence: string) {
    super(sentence);
    this.name = "ServerWarning";
    this.about = about;
  }
}
