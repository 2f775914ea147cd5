/**
 * Calls that one statement of the engine accepts or settles at most. Callers who wait for their results ask again when they have them: in one batch
 * for all, they would go round together, and accepting, claiming and settling would wait for each other. In batches of this size each is at
 * work on some of them: with 256 in flight a quarter more calls a second than in batches of 500, and as many in a backlog.
 */
export const maxBatchCalls = 128;

/**
 * What one statement of the engine carries of payloads at most, in bytes, or one payload that is larger alone: the others need not wait until
 * hundreds of megabytes are written, and no text grows longer than this process or Postgres can hold.
 */
export const maxBatchBytes = 8 * 1_048_576;
