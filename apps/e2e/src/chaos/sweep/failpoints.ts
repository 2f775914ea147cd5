/** The named points at which a process is struck, each just before a line of the product. */
import type { SourcePatch } from "../patch/source-patch.ts";

/** A point. */
export interface Failpoint {
  readonly name: string;
  readonly file: string;
  /** The line, or its beginning, before which the process is struck. */
  readonly before: string;
}

const postgres = "packages/engine/src/postgres";

/** All points, in the order of a call's life. */
export const failpoints: readonly Failpoint[] = [
  { name: "accept, before its commit", file: `${postgres}/accepting/accept.ts`, before: "const taken = new Set<string>();" },
  { name: "accept, after its commit", file: `${postgres}/accepting/accept.ts`, before: "for (const [index, call] of calls.entries()) {" },
  { name: "gate, after its commit", file: `${postgres}/claiming/gate.ts`, before: "for (const queue of new Set(entering.map(" },
  { name: "notify, before it is sent", file: `${postgres}/waking/wake.ts`, before: "await control.use((sql) => sql`select pg_notify(" },
  { name: "claim, before its commit", file: `${postgres}/claiming/claim.ts`, before: "const begun = new Set(claimed.map(" },
  { name: "claim, after its commit", file: `${postgres}/claiming/claim.ts`, before: "if (claimed.length > 0) ledger.wakes.changed(" },
  { name: "resolver, at its start", file: "apps/e2e/src/chaos/application/work.ts", before: "await (input.stubborn ? insistOn(ms)" },
  { name: "resolver, at its end", file: "apps/e2e/src/chaos/application/work.ts", before: 'note({ kind: "resolver-ended"' },
  { name: "commit, after the application's writes", file: `${postgres}/settling/commit.ts`, before: "const [settled] = await settleRows(" },
  { name: "commit, before its commit", file: `${postgres}/settling/commit.ts`, before: "done.push({ ...result," },
  { name: "commit, after its commit", file: `${postgres}/settling/commit.ts`, before: "tellEnds(ledger, [done[0]!.settled]);" },
  { name: "settle, after its commit", file: `${postgres}/settling/settle.ts`, before: "const ids = new Set(settled.map(" },
  { name: "deliver, before an event", file: "packages/server/src/follow-calls.ts", before: "if (!known) yield { id: call.id, event };" },
  {
    name: "deliver, after a page",
    file: "packages/server/src/follow-calls.ts",
    before: "if (hasMore(page, call)) change(call);",
  },
  { name: "cancel, after its commit", file: `${postgres}/cancelling/cancel.ts`, before: "tellEnds(ledger, [cancelled]);" },
  {
    name: "reap, before its commit",
    file: `${postgres}/keeping/reap.ts`,
    before: 'const back = rows.filter(({ state }) => state === "queued")',
  },
  {
    name: "reply, before its commit",
    file: "packages/server/src/invoke-reply.ts",
    before: "signal.throwIfAborted();\n  });",
  },
  {
    name: "webhook, when it was taken",
    file: "packages/server/src/webhooks/send.ts",
    before: "if (answer.status >= 200 && answer.status < 300) return answer;",
  },
];

/** What makes a point strike: a call of the function that {@link strikeAt} puts under this name. */
const hook = 'Symbol.for("raincheck.chaos.failpoint")';

/** The changes that put the points into the product. */
export const failpointPatches: readonly SourcePatch[] = failpoints.map(({ name, file, before }) => ({
  file,
  find: before,
  replace: `globalThis[${hook}]?.(${JSON.stringify(name)});\n${before}`,
}));

/** Has the points of this process call `reached`. */
export function strikeAt(reached: (point: string) => void): void {
  Object.assign(globalThis, { [Symbol.for("raincheck.chaos.failpoint")]: reached });
}
