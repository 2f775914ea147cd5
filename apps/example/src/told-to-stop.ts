/**
 * Resolves when this process should stop: by SIGTERM or SIGINT, or because the process that started it is gone (its IPC channel
 * closes, also when it was killed). So no child outlives its parent.
 */
export function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => resolve();
    // For good: Ctrl-C under `node --watch` comes twice, from the terminal and from there, and the second must not end the farewell.
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
    if (process.channel) process.once("disconnect", stop);
  });
}
