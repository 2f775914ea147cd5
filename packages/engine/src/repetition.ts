import type { CallId, CallState } from "@raincheck/protocol";

/**
 * A call to make of the input, and in the context, of one that has ended. That one stays as it ended: its followers have been told. The
 * new call has the same principal, no parent, and attempts of its own, from 1.
 */
export interface Repeat {
  /** Of the new call. */
  readonly id: CallId;
  readonly by: RepeatKind;
  readonly queue: string;
  readonly priority: number;
  /** As in `NewCall`. */
  readonly concurrency: number | null;
  /** `null`: no limit. Counted from now. */
  readonly startByMs: number | null;
  /** `null`: no limit. Counted from now. */
  readonly deadlineMs: number | null;
  /** `null`: that of the call that it repeats. */
  readonly retentionMs: number | null;
  /** As in `NewCall`. Default: those of the call that it repeats. */
  readonly replyQueues?: readonly string[] | undefined;
}

/**
 * - `retry`: of a dead letter, which is a call that failed or expired, and once: while its retry is kept, whoever retries it again finds that.
 * - `replay`: of any call that has ended, and as often as one likes. `key`: the same key of the same call gives the same replay, while
 *   that is kept; `null`: always a new one.
 */
export type RepeatKind = { readonly type: "retry" } | { readonly type: "replay"; readonly key: string | null };

/** What `Engine.repeat` answers. */
export type Repetition =
  | {
      readonly repeated: true;
      readonly id: CallId;
      readonly path: string;
      /** Of the call that `id` names. */
      readonly state: CallState;
      /** `false`: the call existed. */
      readonly created: boolean;
    }
  | {
      /** The call is none that can be repeated so. */
      readonly repeated: false;
      readonly state: CallState;
    };

/** The states of the calls that can be repeated so. */
export function repeatableStates({ type }: RepeatKind): readonly CallState[] {
  return type === "retry" ? ["failed", "expired"] : ["succeeded", "failed", "cancelled", "expired"];
}

/** What names the repetition of a call; `null`: nothing does, it is always a new one. No idempotency key of a caller is like it. */
export function repeatKeyOf(of: CallId, by: RepeatKind): string | null {
  if (by.type === "retry") return JSON.stringify({ retry: of });
  return by.key === null ? null : JSON.stringify({ replay: of, key: by.key });
}
