/**
 * Calls that are set aside: queued, due, and without a delivery, because the worker that took it does not run their procedure.
 *
 * A call is aside while `aside_attempt` is its attempt and it is queued: so whatever begins an attempt, a release that does not know
 * these columns included, brings it back. `aside_until` is when it fails as an unknown procedure; null: never.
 *
 * The indexes of queued calls that wait with a delivery leave those aside out: there may be any number of them, for minutes, and who looks
 * for a lost delivery or for the next of a limited path must not read past them all.
 */
export const aside = (schema: string): string => `
  alter table ${schema}.call add column aside_attempt integer;
  alter table ${schema}.call add column aside_until timestamptz;

  create index call_aside on ${schema}.call (queue, path, priority desc, created_at, id)
    where state = 'queued' and aside_attempt = attempt;
  create index call_unknown on ${schema}.call (aside_until)
    where state = 'queued' and aside_attempt = attempt and aside_until is not null;
  create index call_queued on ${schema}.call (due_at) where state = 'queued' and not parked and aside_attempt is distinct from attempt;
  create index call_limited on ${schema}.call (path, state, queue, priority desc)
    where concurrency is not null and state in ('queued', 'running') and not parked
      and (state = 'running' or aside_attempt is distinct from attempt);
`;
