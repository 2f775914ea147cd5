import type { Observable, Observer } from "@trpc/server/observable";

/**
 * tRPC's observable, of which `@trpc/client` exports only the type: this package takes nothing from `@trpc/server` at run time.
 * What comes after the end is dropped; the teardown runs once, at the end or at `unsubscribe`.
 */
export function observableOf<TValue, TError>(subscribe: (observer: Observer<TValue, TError>) => () => void): Observable<TValue, TError> {
  const source: Observable<TValue, TError> = {
    subscribe(observer) {
      let over = false;
      let teardown: (() => void) | undefined;
      const finish = (tell?: () => void) => {
        if (over) return;
        over = true;
        tell?.();
        teardown?.();
      };
      teardown = subscribe({
        next: (value) => {
          if (!over) observer.next?.(value);
        },
        error: (error) => finish(() => observer.error?.(error)),
        complete: () => finish(() => observer.complete?.()),
      });
      // It may have ended before there was anything to tear down.
      if (over) teardown();
      return { unsubscribe: () => finish() };
    },
    // One implementation for the overloads of a chain of operators.
    pipe: ((...operators: ((source: unknown) => unknown)[]) =>
      operators.reduce((piped: unknown, operator) => operator(piped), source)) as Observable<TValue, TError>["pipe"],
  };
  return source;
}
