import { TRPCError } from "@trpc/server";
import type { AnyTRPCProcedure, AnyTRPCRouter } from "@trpc/server";

import { type DeferrableMark, deferrableMark } from "./deferrable-mark.ts";
import { type RouterCodecs, routerCodecs } from "./payload-codec.ts";
import { loadLazyRouters, loadedPathOf, procedureAt, transformerOfRouter } from "./trpc-internals.ts";

/** A deferrable procedure where the bound router has it. */
export interface FoundProcedure {
  readonly procedure: AnyTRPCProcedure;
  readonly mark: DeferrableMark;
}

/** The router that `bind()` was given. */
export interface BoundRouter {
  readonly router: AnyTRPCRouter;
  readonly codecs: RouterCodecs;
  /** The deferrable procedure at a path; `null` when there is none, or another kind of procedure. */
  find(path: string): Promise<FoundProcedure | null>;
  /**
   * The deferrable procedure at a path that a caller named.
   *
   * @throws {TRPCError} `NOT_FOUND`, or `BAD_REQUEST` when it is not deferrable.
   */
  require(path: string): Promise<FoundProcedure>;
  /** Where a procedure is in the router, lazy routers included; `null` when it is not. */
  pathOf(procedure: AnyTRPCProcedure): Promise<string | null>;
}

/** Looks procedures up in a router. */
export function boundRouter(router: AnyTRPCRouter): BoundRouter {
  const find: BoundRouter["find"] = async (path) => {
    const procedure = await procedureAt(router, path);
    const mark = procedure === null ? null : deferrableMark(procedure);
    return procedure === null || mark === null ? null : { procedure, mark };
  };

  const paths = new WeakMap<AnyTRPCProcedure, string>();
  const loadedPath = (procedure: AnyTRPCProcedure): string | null => {
    const path = paths.get(procedure) ?? loadedPathOf(router, procedure);
    if (path !== null) paths.set(procedure, path);
    return path;
  };

  return {
    router,
    codecs: routerCodecs(transformerOfRouter(router)),
    find,
    async require(path) {
      const found = await find(path);
      if (found !== null) return found;
      const shown = JSON.stringify(path.length > 100 ? `${path.slice(0, 100)}…` : path);
      if ((await procedureAt(router, path)) === null) {
        throw new TRPCError({ code: "NOT_FOUND", message: `No procedure found on path ${shown}.` });
      }
      throw new TRPCError({
        code: "BAD_REQUEST",
        message: `The procedure on path ${shown} is not deferrable. Build it with raincheck.deferrable(builder), or call it as any other.`,
      });
    },
    async pathOf(procedure) {
      const path = loadedPath(procedure);
      if (path !== null) return path;
      await loadLazyRouters(router);
      return loadedPath(procedure);
    },
  };
}
