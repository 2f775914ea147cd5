/**
 * Calls that repeat others, and calls that tell of the end of others.
 *
 * `repeats` is the call of whose input this one was made; null: it is no repetition. It may be kept no more. What makes a retry the only
 * one of its call is `key_hash`, as for an idempotency key.
 *
 * `reply_queue` is where the end of the call is told; null: nowhere. `reply_due`: it has not been told. Whatever ends a call takes that back in
 * the same statement, unless it is the release before, which knows neither: the keeper tells of what such a process has ended.
 */
export const repeatsAndReplies = (schema: string): string => `
  alter table ${schema}.call add column repeats uuid;
  alter table ${schema}.call add column reply_queue text;
  alter table ${schema}.call add column reply_due boolean not null default false;

  create index call_reply_due on ${schema}.call (id) where reply_due and state not in ('queued', 'running');
`;
