export { type MemoryEngineOptions, memoryEngine } from "./memory-engine.ts";
export { type Clock, systemClock } from "./clock.ts";
