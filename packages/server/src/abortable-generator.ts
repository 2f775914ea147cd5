/** Made once: an abort without a reason makes an error with a stack for itself, each time. */
const left = new Error("The consumer of a subscription has left it.");

/**
 * A generator that ends at once when its consumer leaves, also while it waits for something. A plain async generator does not:
 * its `return()` queues behind the pending `next()`, so a subscriber that disconnects while nothing happens leaks for ever.
 *
 * @param make gets a signal that aborts when the consumer leaves or `outer` aborts; it must end, and clean up, when that happens.
 */
export function abortableGenerator<T>(
  make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  outer: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const leaving = new AbortController();
  const leave = (): void => {
    leaving.abort(left);
    outer?.removeEventListener("abort", leave);
  };
  if (outer?.aborted === true) leave();
  else outer?.addEventListener("abort", leave, { once: true });
  const inner = make(leaving.signal);

  const generator: AsyncGenerator<T, void, undefined> = {
    async next() {
      try {
        const result = await inner.next();
        if (result.done === true) leave();
        return result;
      } catch (error) {
        leave();
        throw error;
      }
    },
    async return() {
      leave();
      return await inner.return();
    },
    async throw(error) {
      leave();
      return await inner.throw(error);
    },
    [Symbol.asyncIterator]: () => generator,
    async [Symbol.asyncDispose]() {
      await generator.return();
    },
  };
  return generator;
}
