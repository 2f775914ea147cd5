/** What the procedures under fire do: they note that they run, work for a while, fail if they are to, and end as they like. */
import { chaosEnvironment } from "./environment.ts";

/** What every procedure takes. */
export interface Work {
  /** The intention's key, which comes back with the output. */
  readonly tag: string;
  /** How long the first attempt works before it commits or returns. */
  readonly ms: number;
  /** The same for the attempts after it. */
  readonly againMs: number;
  /** How many of the first attempts fail. */
  readonly failing: number;
  /** Whether the resolver ignores its signal, as a careless one does: then only the fence stands between a zombie and the ledger. */
  readonly stubborn: boolean;
  /** How many values a streaming procedure yields; an attempt that fails yields half of them. */
  readonly yields: number;
}

/** What every procedure that succeeds gives. The owner is a canary: nobody else may see it. */
export interface Done {
  readonly tag: string;
  readonly owner: string;
  readonly attempt: number;
}

/** What a streaming procedure yields: the number of the value, from 1, and of the attempt that it is of. */
export interface Yielded {
  readonly place: number;
  readonly attempt: number;
}

export const environment = chaosEnvironment(process.env);
const { note } = environment;

/** One attempt, as its resolver gets it. */
export interface Run {
  readonly input: Work;
  readonly ctx: { readonly user: string; readonly call: { readonly id: string | null; readonly attempt: number } };
  readonly signal: AbortSignal | undefined;
  readonly path: string;
}

interface AttemptOf {
  readonly id: string;
  readonly attempt: number;
}

/** Notes the run, works for its while, and runs `end`, unless the signal aborts before. */
export async function run<TValue>(options: Run, end: () => TValue | Promise<TValue>): Promise<TValue> {
  const { input, signal } = options;
  const attempt = begin(options);
  const ms = attempt.attempt === 1 ? input.ms : input.againMs;
  await (input.stubborn ? insistOn(ms) : pause(ms, signal));
  return await finish(input, attempt, end);
}

/** As {@link run}, and yields its values on the way. */
export async function* stream<TValue>(options: Run, end: () => Promise<TValue>): AsyncGenerator<Yielded, TValue> {
  const { input, signal } = options;
  const attempt = begin(options);
  const yields = attempt.attempt <= input.failing ? input.yields >> 1 : input.yields;
  const eachMs = (attempt.attempt === 1 ? input.ms : input.againMs) / input.yields;
  for (let place = 1; place <= yields; place += 1) {
    if (eachMs >= 1) await (input.stubborn ? insistOn(eachMs) : pause(eachMs, signal));
    yield { place, attempt: attempt.attempt };
  }
  return await finish(input, attempt, end);
}

function begin({ ctx, signal, path }: Run): AttemptOf {
  const attempt = { id: ctx.call.id ?? "", attempt: ctx.call.attempt };
  note({ kind: "resolver-started", ...attempt, path });
  signal?.addEventListener("abort", () => note({ kind: "resolver-aborted", ...attempt, reason: reasonOf(signal) }), { once: true });
  return attempt;
}

async function finish<TValue>(input: Work, attempt: AttemptOf, end: () => TValue | Promise<TValue>): Promise<TValue> {
  if (attempt.attempt <= input.failing) throw new Error("This attempt was to fail.");
  const value = await end();
  note({ kind: "resolver-ended", ...attempt });
  return value;
}

function reasonOf(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  return typeof reason === "object" && reason !== null && "reason" in reason ? String(reason.reason) : String(reason);
}

/**
 * What a careless resolver waits in, in milliseconds: it counts the time itself, so when its process has stood still it is through at once, before
 * the worker has found out that the lease is over.
 */
const stepMs = 20;

/** Resolves after this while, whatever the signal says. */
async function insistOn(ms: number): Promise<void> {
  const begun = performance.now();
  for (let leftMs = ms; leftMs > 0; leftMs = ms - (performance.now() - begun)) await pause(Math.min(leftMs, stepMs), undefined);
}

/** Resolves after this while, or rejects with the signal's reason. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** The output of an attempt. */
export function done({ input, ctx }: Pick<Run, "input" | "ctx">): Done {
  return { tag: input.tag, owner: ctx.user, attempt: ctx.call.attempt };
}
