import * as Context from "effect/Context";

/** The CPU time that this process has had, all its threads, in milliseconds. */
export type CpuClock = () => number;

/** `process.cpuUsage()`; a test has its own. */
export const CpuClock = Context.Reference<CpuClock>("@raincheck/worker/CpuClock", {
  defaultValue: () => () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
});

/** How late the event loop came, and what the process did meanwhile. */
export interface LateLoop {
  readonly lagMs: number;
  /** The CPU time that the process had in the time of which `lagMs` is the end. */
  readonly cpuMs: number;
  /** The procedures whose attempts were running. */
  readonly paths: readonly string[];
}

/** Below this share of the lag, the process cannot have computed through it. */
const computedShare = 1 / 4;

/** Says what made the event loop late: something that computed, if the process had the CPU for it; else the process stood still. */
export function whyLate({ lagMs, cpuMs, paths }: LateLoop): string {
  const lag = `${Math.round(lagMs)} ms`;
  if (cpuMs < lagMs * computedShare)
    return `The process stood still for ${lag} and had ${Math.round(cpuMs)} ms of CPU: it or its machine was stopped or short of CPU, or something waited without the event loop, such as execFileSync.`;
  return `Something held the event loop for ${lag}, while nothing else could run. Running were: ${namesOf(paths)}. Move what they compute to a worker thread.`;
}

/** A few names for a sentence. */
function namesOf(paths: readonly string[]): string {
  return paths.length <= 5 ? paths.join(", ") : `${paths.slice(0, 5).join(", ")} and ${paths.length - 5} more`;
}
