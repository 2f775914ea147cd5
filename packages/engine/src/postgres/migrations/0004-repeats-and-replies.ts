/**
 * Calls that repeat others, and calls that tell of the end of others.
 *
 * `repeats` is the call of whose input this one was made; null: it is no repetition. It may be kept no more. What makes a retry the only
 * one of its call is `key_hash`, as for an idempotency key.
 *
 * `reply_queues` is where the end of the call is told; null: nowhere. `reply_due`: it has not been told. Whatever ends a call takes that back in
 * the same statement, unless it is the release before, which knows neither: the keeper tells of what such a process has ended.
 *
 * `tells` is the call whose end this one tells; null: it is no reply. That may be kept no more.
 */
export const repeatsAndReplies = (schema: string): string => `
  alter table ${schema}.call add column repeats uuid;
  alter table ${schema}.call add column reply_queues text[];
  alter table ${schema}.call add column tells uuid;
  alter table ${schema}.call add column reply_due boolean not null default false;

  create index call_tells on ${schema}.call (tells, created_at desc, id desc) where tells is not null;
  create index call_reply_due on ${schema}.call (id) where reply_due and state not in ('queued', 'running');
`;
