import { postgresEngine } from "@raincheck/engine/postgres";
import { initRaincheck } from "@raincheck/server";
import { initTRPC } from "@trpc/server";

export const engine = postgresEngine({ url: process.env["DATABASE_URL"] });
export const raincheck = initRaincheck.context<object>().create({ engine, principal: () => "bench" });

const waiting: (() => void)[] = [];

/** What a resolver that waits costs its user. */
export function hold(): Promise<void> {
  return new Promise((resolve) => waiting.push(resolve));
}

/** How many wait. */
export function held(): number {
  return waiting.length;
}

/** Lets all go. */
export function release(): void {
  for (const resolve of waiting.splice(0)) resolve();
}

const t = initTRPC.create();

export const heldProcedure = raincheck.deferrable(t.procedure).mutation(hold);

export const router = raincheck.bind(
  t.router({ held: heldProcedure, plain: t.procedure.mutation(hold), calls: raincheck.calls(t.procedure) }),
);
