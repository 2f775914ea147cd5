import { setTimeout as sleep } from "node:timers/promises";
import { hasTag } from "@raincheck/client";
import type { Stage } from "./stage.ts";

/** Repeats what nobody answered, as a client would whose request got lost. */
export async function insist<TValue>(
  { signal, random }: Pick<Stage, "signal" | "random">,
  act: () => Promise<TValue>,
  onUnanswered: (message: string) => void = () => undefined,
): Promise<TValue> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      if (hasTag(error, "CallFailed")) throw error;
      const code = codeOf(error);
      if (code !== null && code !== "SERVICE_UNAVAILABLE" && code !== "TIMEOUT") throw error;
      onUnanswered(error instanceof Error ? error.message : String(error));
      await sleep(random.between(50, 200), undefined, { signal });
    }
  }
}

/** The code of a tRPC error that the server sent; null: no answer came. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("data" in error)) return null;
  const { data } = error;
  return typeof data === "object" && data !== null && "code" in data && typeof data.code === "string" ? data.code : null;
}
