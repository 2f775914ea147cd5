import { once } from "node:events";

/** So many tokens at so many a second, as a language model tells them: one by one, and those that are late together. */
export async function* tokens(
  count: number,
  perSecond: number,
  signal?: AbortSignal,
): AsyncGenerator<string, { tokens: number }, undefined> {
  const startMs = performance.now();
  for (let told = 0; told < count;) {
    const due = Math.min(count, 1 + Math.floor(((performance.now() - startMs) / 1_000) * perSecond));
    while (told < due) yield `token-${told++} `;
    await once(AbortSignal.timeout(1), "abort");
    signal?.throwIfAborted();
  }
  return { tokens: count };
}
