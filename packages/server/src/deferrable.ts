/**
 * `raincheck.deferrable()`: wraps a resolver, and decides in which of three ways it is called.
 *
 * - A worker's attempt (the context carries an {@link Attempt}): the resolver runs, `ctx.call` is fenced by the attempt.
 * - Async mode (`ctx.mode === "async"`): the call is accepted instead of the resolver running. Everything before it, which is
 *   authentication and validation, has run.
 * - Else sync mode: the resolver runs as if it had not been wrapped.
 *
 * The output parser is run here and not by tRPC's own middleware, because an accepted call's answer is no output, and
 * because what `ctx.call.commit()` stores is parsed before it returns. Of a resolver that streams it is given the iterable, as by tRPC.
 */
import { InvalidOption, type Policy, type PolicyOptions, resolvePolicy } from "@raincheck/protocol";
import { type AnyTRPCProcedure, TRPCError } from "@trpc/server";

import { acceptCall } from "./accept-call.ts";
import { type Attempt, carryThrow } from "./attempt.ts";
import { type OpenCallContext, openCallContext } from "./call-context.ts";
import { type CarryingContext, attemptKey, httpKey, resolverContext, scopeKey, startKey } from "./carried-in-context.ts";
import { markDeferrable } from "./deferrable-mark.ts";
import { answerWithin } from "./http.ts";
import { drainYields, isGeneratorFunction, isStream } from "./drain-yields.ts";
import { type PayloadCodec, type RouterCodecs, routerCodecs } from "./payload-codec.ts";
import type { RaincheckCore } from "./raincheck-core.ts";
import { StartScope } from "./start-scope.ts";
import {
  type Parser,
  type RawResolver,
  type RawResolverOptions,
  buildProcedure,
  hasOutputParser,
  isProcedureBuilder,
  parserFunction,
  transformerOfBuilder,
} from "./trpc-internals.ts";

/** What `deferrable()` makes of a builder at run time; its types are in `deferrable-builder.ts`. */
export interface UntypedDeferrableBuilder {
  output(parser: Parser): UntypedDeferrableBuilder;
  query(resolver: RawResolver): AnyTRPCProcedure;
  mutation(resolver: RawResolver): AnyTRPCProcedure;
}

/**
 * Starts a deferrable procedure.
 *
 * @throws {InvalidOption} for a bad policy, or something that is not a procedure builder without an output parser.
 */
export function deferrable(core: RaincheckCore, builder: unknown, options: PolicyOptions | undefined): UntypedDeferrableBuilder {
  if (!isProcedureBuilder(builder)) throw new InvalidOption("builder", builder, "a tRPC procedure builder, such as t.procedure.input(…)");
  if (hasOutputParser(builder))
    throw new InvalidOption("builder", builder, "a builder without .output(); call .output() after deferrable()");
  const policy = resolvePolicy(options);
  const ownCodecs = routerCodecs(transformerOfBuilder(builder));

  const finishing = (parser: Parser | null): UntypedDeferrableBuilder => {
    const build = (type: "query" | "mutation", resolver: RawResolver): AnyTRPCProcedure => {
      if (typeof resolver !== "function") throw new InvalidOption("resolver", resolver, "a function");
      const streams = isGeneratorFunction(resolver);
      const wrapped = new WrappedResolver(core, { policy, resolver, streams, parser, ownCodecs });
      const procedure = buildProcedure(builder, type, { resolver: (raw) => wrapped.call(raw), parser });
      markDeferrable(procedure, { deferrable: true, policy, streams, core });
      return procedure;
    };
    return {
      output: (next) => finishing(next),
      query: (resolver) => build("query", resolver),
      mutation: (resolver) => build("mutation", resolver),
    };
  };
  return finishing(null);
}

interface WrappedParts {
  readonly policy: Policy;
  readonly resolver: RawResolver;
  readonly streams: boolean;
  readonly parser: Parser | null;
  /** Of the root that the builder came from: for sync mode without a bound router. */
  readonly ownCodecs: RouterCodecs;
}

interface OpenedRun extends OpenCallContext {
  readonly scope: StartScope;
  readonly codec: PayloadCodec;
  /** Whether the resolver streams: then the output parser is for the iterable, and what is committed is not one. */
  streams: boolean;
}

class WrappedResolver {
  readonly #core: RaincheckCore;
  readonly #parts: WrappedParts;
  readonly #parse: (value: unknown) => Promise<unknown>;

  constructor(core: RaincheckCore, parts: WrappedParts) {
    this.#core = core;
    this.#parts = parts;
    const parse = parts.parser === null ? (value: unknown) => value : parserFunction(parts.parser);
    this.#parse = async (value) => {
      try {
        return await parse(value);
      } catch (cause) {
        // The same error that tRPC's own output middleware makes.
        throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: "Output validation failed", cause });
      }
    };
  }

  call(raw: RawResolverOptions): Promise<unknown> {
    const context: CarryingContext = raw.ctx;
    const attempt = context[attemptKey];
    if (attempt !== undefined && attempt.path === raw.path && attempt.state !== "running") return this.#runAttempt(attempt, raw);
    if (context.mode === "async" && !this.#isOnlyPreferred(context, raw.path)) return this.#accept(context, raw);
    return this.#runSync(raw);
  }

  /** A header says what a client would rather have, of a procedure that is never deferred too: RFC 7240 has it ignored. */
  #isOnlyPreferred(context: CarryingContext, path: string): boolean {
    return this.#parts.policy.mode === "forbidden" && context[httpKey] !== undefined && context[startKey]?.path !== path;
  }

  async #accept(context: CarryingContext, raw: RawResolverOptions): Promise<unknown> {
    const { policy, streams } = this.#parts;
    const refused = `The procedure ${JSON.stringify(raw.path)} must not be called in async mode: its policy says so.`;
    if (policy.mode === "forbidden") throw new TRPCError({ code: "BAD_REQUEST", message: refused });
    const intent = context[startKey];
    if (intent !== undefined && intent.path === raw.path && intent.accepted === null) {
      const { options, transaction, replyQueues, listen } = intent;
      const accepted = await acceptCall(this.#core, { policy, raw, streams, options, transaction, replyQueues, listen });
      intent.accepted = accepted;
      return accepted.call;
    }
    const preferences = context[httpKey];
    const key = preferences?.idempotencyKey ?? null;
    const accepted = await acceptCall(this.#core, {
      policy,
      raw,
      streams,
      options: key === null ? {} : { idempotencyKey: key },
      transaction: undefined,
      replyQueues: [],
      listen: preferences !== undefined && preferences.waitMs > 0,
    });
    return preferences === undefined ? accepted.call : await answerWithin(this.#core, accepted, { preferences, signal: raw.signal });
  }

  async #runSync(raw: RawResolverOptions): Promise<unknown> {
    if (this.#parts.policy.mode === "required") {
      throw new TRPCError({
        code: "BAD_REQUEST",
        message: `The procedure ${JSON.stringify(raw.path)} can only be called in async mode: defer it, or send "Prefer: respond-async".`,
      });
    }
    const open = this.#open(null, raw);
    const value = await this.#resolve(raw, open);
    open.streams = isStream(value);
    const settling = open.settled();
    const committed = settling === null ? null : await settling;
    if (committed === null || !Object.is(committed.value, value)) {
      if (committed !== null) this.#warnOfOtherValue(raw.path, null);
      return this.#parts.parser === null ? value : await this.#parse(value);
    }
    return committed.parsed;
  }

  async #runAttempt(attempt: Attempt, raw: RawResolverOptions): Promise<unknown> {
    if (attempt.state === "ended")
      throw new Error("A middleware ran the resolver twice within one attempt. Leave retries to the procedure's policy.");
    attempt.state = "running";
    const open = this.#open(attempt, raw);
    try {
      const resolved = await this.#resolve(raw, open);
      open.streams = isStream(resolved);
      const value = open.streams ? await this.#drain(attempt, raw, { open, stream: resolved }) : resolved;
      const settling = open.settled();
      const committed = settling === null ? null : await settling;
      if (committed === null) return open.streams || this.#parts.parser === null ? value : await this.#parse(value);
      if (!Object.is(committed.value, value)) this.#warnOfOtherValue(raw.path, attempt);
      return committed.parsed;
    } catch (thrown) {
      // A commit under way must end before the worker hears of the failure and settles.
      await open.settled();
      throw carryThrow(thrown);
    } finally {
      attempt.state = "ended";
    }
  }

  #open(attempt: Attempt | null, { ctx }: RawResolverOptions): OpenedRun {
    const { engine, engineErrors } = this.#core;
    const scope = new StartScope(engine, { attempt: null, outer: (ctx as CarryingContext)[scopeKey] });
    const { output: codec } = this.#core.isBound() ? this.#core.bound().codecs : this.#parts.ownCodecs;
    const { maxOutputBytes } = this.#parts.policy;
    const parse = (value: unknown): unknown => (run.streams ? value : this.#parse(value));
    const run: OpenedRun = {
      ...openCallContext({ engine, engineErrors, attempt, scope, codec, maxOutputBytes, parse }),
      scope,
      codec,
      streams: false,
    };
    return run;
  }

  async #drain(
    attempt: Attempt,
    { signal }: RawResolverOptions,
    { open, stream }: { readonly open: OpenedRun; readonly stream: unknown },
  ): Promise<unknown> {
    const parsed = await this.#parse(stream);
    // A parser may have made something else of it, and that is the output then.
    if (!isStream(parsed)) return parsed;
    return await drainYields(parsed, {
      attempt,
      codec: open.codec,
      policy: this.#parts.policy,
      signal,
      onLate: () => this.#warnOfLateYield(attempt),
    });
  }

  #resolve(raw: RawResolverOptions, run: OpenedRun): unknown {
    return this.#parts.resolver({ ...raw, ctx: resolverContext(raw.ctx, run) });
  }

  #warnOfLateYield({ path, id, attempt }: Attempt): void {
    const message =
      "the resolver yielded after ctx.call.commit() had ended the call, and that was dropped: nothing follows on a result. Yield before the commit.";
    this.#core.log({ level: "warn", path, attempt: { id, attempt }, message });
  }

  #warnOfOtherValue(path: string, attempt: Attempt | null): void {
    const message =
      "the resolver returned something else than it had committed with ctx.call.commit(). What was committed is a deferred call's output: return that.";
    this.#core.log({ level: "warn", path, attempt: attempt === null ? null : { id: attempt.id, attempt: attempt.attempt }, message });
  }
}
