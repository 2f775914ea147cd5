import { memoryEngine } from "@raincheck/engine/memory";
import { expect, test } from "vitest";
import { attemptKey, httpKey, resolverContext, scopeKey, startKey, withProperties } from "./carried-in-context.ts";
import { StartScope } from "./start-scope.ts";

class Session {
  user = "ada";
  get greeting(): string {
    return `Hello ${this.user}`;
  }
  set mode(_value: unknown) {
    throw new Error("The setter of the prototype was called.");
  }
}

test("a copy keeps the prototype, and sets what the prototype has a setter for", () => {
  const copy = withProperties(new Session(), { mode: "sync" }) as Session & { mode: string };
  expect(copy).toBeInstanceOf(Session);
  expect(copy).toMatchObject({ mode: "sync", user: "ada", greeting: "Hello ada" });
  copy.user = "bob";
  expect(copy.greeting).toBe("Hello bob");
});

test("a copy keeps getters unread, and what is not enumerable hidden", () => {
  let reads = 0;
  const context = Object.defineProperties({}, { db: { get: () => ++reads, enumerable: true }, secret: { value: 7, enumerable: false } });
  const copy = withProperties(context, { mode: "sync" }) as { readonly db: number; readonly secret: number };
  expect(reads).toBe(0);
  expect(Object.keys(copy)).toEqual(["db", "mode"]);
  expect([copy.db, copy.db, copy.secret]).toEqual([1, 2, 7]);
});

test("a copy of a frozen context can be changed, and the context has not", () => {
  const context = Object.freeze({ user: "ada", mode: "async" });
  const copy = withProperties(context, { mode: "sync" });
  expect(Object.assign(copy, { user: "bob" })).toEqual({ user: "bob", mode: "sync" });
  expect(context).toEqual({ user: "ada", mode: "async" });
});

test("properties with names that every object inherits are copied as they are", () => {
  const context = JSON.parse('{"constructor": 1, "toString": 2, "__proto__": {"isAdmin": true}}') as object;
  const copy = withProperties(context, { mode: "sync" });
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(Object.getOwnPropertyNames(copy).sort()).toEqual(["__proto__", "constructor", "mode", "toString"]);
  expect("isAdmin" in copy).toBe(false);
});

test("a resolver's context has its call and its scope, and nothing that a nested call could take for its own", () => {
  const call = {};
  const scope = new StartScope(memoryEngine(), { attempt: null, outer: undefined });
  const carried = { user: "ada", call: "the application's", [attemptKey]: 1, [startKey]: 2, [httpKey]: 3, [scopeKey]: 4 };
  const context = resolverContext(carried, { call, scope });
  expect(Reflect.ownKeys(context)).toEqual(["user", "call", scopeKey]);
  expect(context).toMatchObject({ user: "ada", call, [scopeKey]: scope });
});
