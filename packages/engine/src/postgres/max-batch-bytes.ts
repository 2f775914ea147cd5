/**
 * What one statement of the engine carries of payloads at most, in bytes, or one payload that is larger alone: the others need not wait until
 * hundreds of megabytes are written, and no text grows longer than this process or Postgres can hold.
 */
export const maxBatchBytes = 8 * 1_048_576;
