/** Shared by the API and the workers: who owns a call, and what of the caller's context an attempt gets back. */
import { type CallMode, initRaincheck } from "@raincheck/server";
import { engine } from "./database.ts";
import { type User, userById } from "./users.ts";

/** The tRPC context of a request, and of an attempt. */
export interface Context {
  /** `null`: nobody is signed in. */
  readonly user: User | null;
  readonly mode?: CallMode;
}

/** The example's raincheck. */
export const raincheck = initRaincheck.context<Context>().create({
  engine,
  principal: ({ user }) => user?.id ?? null,
  // The id alone: an attempt may run much later, and asks again who that is.
  capture: ({ user }) => ({ userId: user?.id ?? null }),
  restore: ({ userId }) => ({ user: userId === null ? null : userById(userId) }),
});
