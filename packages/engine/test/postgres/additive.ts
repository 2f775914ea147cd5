/**
 * Which statements a migration after the first may hold: those that leave the release before it working on the migrated ledger. What is
 * added has to be nullable or have a default, because that release inserts without it, and nothing may refuse what it writes.
 */
const additive: readonly RegExp[] = [
  /^alter table \S+ add column \w+ (?!.*\b(?:not null|check|unique|references|primary)\b)/,
  /^alter table \S+ add column \w+ (?=.*\bdefault\b)(?!.*\b(?:check|unique|references|primary)\b)/,
  /^create index \w+ on /,
];

/** The statements of a migration that are none of these. Tables that it creates itself may be made as it likes. */
export function notAdditive(migration: string): string[] {
  const statements = migration
    .split(";")
    .map((statement) => statement.replaceAll(/\s+/g, " ").trim().toLowerCase())
    .filter((statement) => statement !== "");
  const own = statements.flatMap((statement) => /^create table (\S+)/.exec(statement)?.[1] ?? []);
  const isOfOwn = (statement: string): boolean =>
    own.some((table) => statement.startsWith(`create table ${table} `) || statement.includes(` on ${table} `));
  return statements.filter((statement) => !isOfOwn(statement) && !additive.some((form) => form.test(statement)));
}
