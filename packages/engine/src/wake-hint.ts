/**
 * What a wake says of the call beside its id: `open`, that it had not ended at the change that is told; `unknown`, nothing. Who waits for the end
 * alone need not read at an `open` one. It is a hint as the wake itself is: what a wrong one hides, the engine's poll tells.
 */
export type WakeHint = "open" | "unknown";
