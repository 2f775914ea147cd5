import type { Engine } from "@raincheck/engine";
import { type CallMode, callIdFrom } from "@raincheck/protocol";
import { TRPCError, initTRPC } from "@trpc/server";

import { initRaincheck } from "../../src/index.ts";
import type { LogEntry } from "../../src/log.ts";
import { spiedEngine } from "./spied-engine.ts";

/** The context of the tests' application. */
export interface TestContext {
  user: string | null;
  mode?: CallMode | undefined;
}

/** The tests' root. */
export const t = initTRPC.context<TestContext>().meta<{ title?: string }>().create({ isDev: false });

/** Refuses whoever is not signed in. */
export const authed = t.procedure.use(({ ctx, next }) => {
  if (ctx.user === null) throw new TRPCError({ code: "UNAUTHORIZED", message: "Sign in first." });
  return next({ ctx: { user: ctx.user } });
});

/** A raincheck on a memory engine, with what it logged. */
export function testRaincheck(overrides: Partial<Engine<string | null>> = {}) {
  const engine = spiedEngine(overrides);
  const log: LogEntry[] = [];
  const raincheck = initRaincheck.context<TestContext>().create({
    engine,
    principal: (ctx) => ctx.user,
    capture: (ctx) => ({ user: ctx.user }),
    restore: ({ user }) => ({ user }),
    log: (entry) => log.push(entry),
  });
  return { engine, raincheck, log, runtime: raincheck["~raincheck"] };
}

/** Ann, who calls synchronously. */
export const ann: TestContext = { user: "ann" };
/** Ann, in async mode. */
export const annAsync: TestContext = { user: "ann", mode: "async" };
/** Another user. */
export const bob: TestContext = { user: "bob" };

/** The id of a call that nobody ever made. */
export const unknownId = callIdFrom(new Uint8Array(16).fill(7));

/** What a promise rejects with; throws when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It did not reject.");
}
