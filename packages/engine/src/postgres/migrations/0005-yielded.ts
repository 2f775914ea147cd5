/**
 * Calls that stream: `yielded` counts the values that the latest attempt has appended, each of which is an event of the type `yielded`.
 *
 * Code of the schema before leaves it as it is, and appends nothing: only who begins an attempt and appends to it needs it to be 0 before.
 */
export const yielded = (schema: string): string => `
  alter table ${schema}.call add column yielded integer not null default 0;
`;
