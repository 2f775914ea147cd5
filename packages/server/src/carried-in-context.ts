/**
 * What travels from whoever runs a procedure to the `deferrable()` around its resolver: in tRPC's context, because nothing else
 * reaches through the application's middleware, and under symbols that only this package has, so that no request can set them.
 * tRPC's `next({ ctx })` and an application's `{ ...ctx }` copy them along. The resolver's own context holds what belongs to the calls
 * that it starts, whose attempt and whose commit theirs is, and nothing else: what it calls with that context is a call of its own.
 */
import type { Attempt } from "./attempt.ts";
import type { HttpPreferences } from "./http.ts";
import type { StartIntent } from "./start-intent.ts";
import type { StartScope } from "./start-scope.ts";

/** A worker runs an attempt. */
export const attemptKey = Symbol("raincheck.attempt");
/** `calls.start` or `raincheck.start()` wants the call accepted. */
export const startKey = Symbol("raincheck.start");
/** `raincheck.http()` read these preferences from the request. */
export const httpKey = Symbol("raincheck.http");

/** What the calls that are started with this context belong to. */
export const scopeKey = Symbol("raincheck.scope");

/** The context as `deferrable()` sees it. */
export interface CarryingContext {
  readonly mode?: unknown;
  readonly [attemptKey]?: Attempt;
  readonly [startKey]?: StartIntent;
  readonly [httpKey]?: HttpPreferences;
  readonly [scopeKey]?: StartScope;
}

/**
 * A copy of a context, its prototype and getters kept, with some properties set and some left out. A frozen context has a copy that is not.
 */
export function withProperties<TContext extends object>(context: TContext, properties: object, without: readonly symbol[] = []): TContext {
  const copy = Object.create(Object.getPrototypeOf(context) as object | null) as TContext & Record<PropertyKey, unknown>;
  for (const key of Reflect.ownKeys(context)) {
    if (Object.hasOwn(properties, key) || (typeof key === "symbol" && without.includes(key))) continue;
    const descriptor = Object.getOwnPropertyDescriptor(context, key)!;
    if (descriptor.enumerable === true && "value" in descriptor) put(copy, key, descriptor.value);
    else Object.defineProperty(copy, key, { ...descriptor, configurable: true, ...("value" in descriptor ? { writable: true } : {}) });
  }
  for (const key of Reflect.ownKeys(properties)) put(copy, key, Reflect.get(properties, key));
  return copy;
}

/** Sets an own property. Assigned where nothing is inherited under that name, which costs a fifth: this is done in each call. */
function put(object: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): void {
  if (key in object) Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** What of ours no nested call may take for its own. */
const ofThisCall = [attemptKey, startKey, httpKey];

/** The context that a resolver gets: with `call` and its scope, without anything of ours that a nested call could take for its own. */
export function resolverContext(context: object, { call, scope }: { readonly call: object; readonly scope: StartScope }): object {
  return withProperties(context, { call, [scopeKey]: scope }, ofThisCall);
}
