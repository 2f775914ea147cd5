/**
 * The ledger's first tables.
 *
 * `due_at` says when a call next wants attention: while queued, when it may be taken; while running, when its lease ends;
 * after its end, when it may be deleted. `expires_at` is the next moment at which it expires, if there is one.
 *
 * A call is in one of `call_queued`, `call_running` and `call_ended` at a time, and the first two are as small as what waits and what runs:
 * the keeper finds what is due by the first entry of each, however large the ledger. The price is that beginning and ending a call move it from one
 * to the next, which writes an entry in its other indexes too: no HOT updates. The other indexes are of what most calls are not (limited, keyed, aside,
 * a child, cancelling, a reply): such a call pays for none of them. Progress and yields touch no indexed column, so they are HOT where the row's page
 * has room: with a fillfactor of 80, 7 of 10 are, and the table is half as large as with 100, where 1 of 4 is.
 *
 * `event` keeps what the call's own row does not tell: `progress`, `yielded`, `retrying`, and `started` of every attempt but the first. The
 * first two events and the one that ends a call are in its row, and `call_event` is all of them. So the usual life of a call, accepted, begun and
 * ended, writes to one table alone.
 *
 * `concurrency` is how many attempts of its path may run at once for the call to begin; null: it is not limited. A `parked` call is
 * limited, due, and without a delivery: there was no room for it (see `gate.ts`). The indexes of those that wait with a delivery are made by
 * `0003-aside.ts`, which says which those are.
 */
export const ledger = (schema: string): string => `
  create table ${schema}.call (
    id            uuid primary key,
    path          text not null,
    queue         text not null,
    principal     text,
    state         text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    seq           integer not null,
    attempt       integer not null default 0,
    failures      integer not null default 0,
    crashes       integer not null default 0,
    priority      integer not null,
    concurrency   integer,
    parked        boolean not null default false check (not parked or (state = 'queued' and concurrency is not null)),
    input         text not null,
    context       text not null,
    output        text,
    failure       text,
    progress      text,
    cancel_reason text,
    worker        text,
    key_hash      bytea,
    input_hash    bytea not null,
    created_at    timestamptz not null,
    started_at    timestamptz,
    ended_at      timestamptz,
    due_at        timestamptz not null,
    expires_at    timestamptz,
    deadline      timestamptz,
    retention_ms  bigint not null
  ) with (fillfactor = 80);

  create unique index call_key on ${schema}.call (key_hash) where key_hash is not null;
  create index call_running on ${schema}.call (due_at) where state = 'running';
  create index call_parked on ${schema}.call (path, queue, priority desc, created_at, id) where parked;
  create index call_ended on ${schema}.call (due_at) where state not in ('queued', 'running');
  create index call_expiring on ${schema}.call (expires_at) where expires_at is not null;
  create index call_of_principal on ${schema}.call (principal, created_at desc, id desc) where principal is not null;

  create table ${schema}.event (
    call_id uuid not null,
    seq     integer not null,
    type    text not null,
    at      timestamptz not null,
    attempt integer not null,
    body    text,
    primary key (call_id, seq)
  );

  create view ${schema}.call_event as
    select id as call_id, 1 as seq, 'queued' as type, created_at as at, 0 as attempt, null::text as body from ${schema}.call
    union all
    select id, 2, 'started', started_at, 1, null from ${schema}.call where attempt > 0
    union all
    select call_id, seq, type, at, attempt, body from ${schema}.event
    union all
    select id, seq, state, ended_at, attempt, null from ${schema}.call where state not in ('queued', 'running');
`;
