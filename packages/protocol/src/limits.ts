/** The sizes and counts that no policy can raise. Each says what it protects. */
export const limits = {
  /** A procedure's path, in characters: it is an index key and stands in log lines. */
  pathChars: 512,
  /** A principal, in characters: it is an index key. */
  principalChars: 512,
  /** An idempotency key, in characters. Only its hash is stored. */
  idempotencyKeyChars: 1_024,
  /** The reason of a cancel, in characters. */
  cancelReasonChars: 1_000,
  /** A failure's message, in characters; a longer one is cut. */
  failureMessageChars: 2_000,
  /** A failure's code, in characters. */
  failureCodeChars: 100,
  /** A failure's declared data, in bytes of its stored form. */
  failureDataBytes: 16_384,
  /** What `capture` returns, in bytes of its stored form: it travels with every attempt. */
  contextBytes: 16_384,
  /** One progress value, in bytes of its stored form. */
  progressBytes: 16_384,
  /** Progress of one attempt is written at most this often, in milliseconds; the latest value waits. */
  progressIntervalMs: 100,
  /** One value that a resolver yields, in bytes of its stored form: a page of events, and what a slow reader leaves unread, hold some of them. */
  yieldBytes: 65_536,
  /** What the policy's `maxYields` may say at most: a call's events are read, and deleted, one by one. */
  yields: 1_000_000,
  /** What the policy's `maxInputBytes` and `maxOutputBytes` may say at most: Postgres's own limit of a text is 1 GiB. */
  payloadBytes: 256 * 1_048_576,
  /** How deep a stored value may be nested: deeper ones overflow the stack of ordinary JSON readers. */
  payloadDepth: 512,
  /** Calls that one watch may name. */
  watchedCalls: 1_000,
  /** Calls that one page of a list may hold. */
  listedCalls: 100,
  /** How long one `calls.wait` may last, in milliseconds. */
  waitMs: 30_000,
  /** Attempts of one call that may be lost, by the death or the silence of their worker, before the call is given up as `POISON`. */
  crashes: 3,
} as const;
