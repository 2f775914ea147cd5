/**
 * What tells a deferrable procedure from any other, by type. The server's `deferrable()` puts it on the procedure; it survives
 * `t.router()`, merged and lazy routers, and declaration emit; the client selects by it from the router's type.
 *
 * The same key stands on the procedure's function at run time.
 *
 * @typeParam TProgress what the resolver passes to `ctx.call.progress()`.
 */
export interface DeferrableBrand<TProgress = unknown> {
  readonly "~raincheck": {
    readonly deferrable: true;
    /** Only a type: never set. */
    readonly progress?: TProgress;
  };
}
