/** Does something so many times, a few hundred at once. */
export async function inParallel(count: number, act: () => Promise<unknown>): Promise<void> {
  let left = count;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await act();
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, 512) }, loop));
}
