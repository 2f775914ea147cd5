/**
 * Calls that repeat others.
 *
 * `repeats` is the call of whose input this one was made; null: it is no repetition. It may be kept no more. What makes a retry the only
 * one of its call is `key_hash`, as for an idempotency key.
 */
export const repeats = (schema: string): string => `
  alter table ${schema}.call add column repeats uuid;
`;
