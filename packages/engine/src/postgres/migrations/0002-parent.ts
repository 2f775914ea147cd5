/**
 * Calls that calls start.
 *
 * `parent_id` is the call whose attempt started it; null: none did, or it is detached. A `cancelling` call was cancelled, and it is
 * not yet known of each of its children that it has ended (see `pass-on-cancels.ts`).
 *
 * Code of the schema before writes neither, and goes on working: its calls are nobody's children, and its cancels are passed on
 * where a worker meets a child.
 */
export const parent = (schema: string): string => `
  alter table ${schema}.call
    add column parent_id  uuid,
    add column cancelling boolean not null default false;

  create index call_child on ${schema}.call (parent_id) where parent_id is not null and state in ('queued', 'running');
  create index call_cancelling on ${schema}.call (id) where cancelling;
`;
