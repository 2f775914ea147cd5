/** Loaded before the application's own programs: puts the points into the product, and strikes at the one that the sweep has armed. */
import { existsSync, openSync, writeSync } from "node:fs";
import { loadPatched } from "../patch/load-patched.ts";
import { failpointPatches, strikeAt } from "./failpoints.ts";
import { type Arming, doneFileOf } from "./strike.ts";

/** A process that nobody frees goes on by itself, so that none is left when its starter dies. */
const longestStandstillMs = 15_000;
const lookMs = 10;

let armed: Arming | null = null;
process.on("message", (message) => (armed = message as Arming));
loadPatched(failpointPatches);
strikeAt((point) => {
  if (armed === null || armed.point !== point || !isFirst(armed.hit)) return;
  const { strike, hit } = armed;
  armed = null;
  if (strike === "sigkill") process.kill(process.pid, "SIGKILL");
  else if (strike === "sigstop") process.kill(process.pid, "SIGSTOP");
  else standStillUntil(doneFileOf(hit));
});

/** Whether this process is the first to come; no other is afterwards. */
function isFirst(hit: string): boolean {
  try {
    writeSync(openSync(hit, "wx"), process.env["CHAOS_NAME"] ?? "");
    return true;
  } catch {
    return false;
  }
}

/** The whole process, as if it were in the middle of the line. */
function standStillUntil(file: string): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; waitedMs < longestStandstillMs && !existsSync(file); waitedMs += lookMs) Atomics.wait(nothing, 0, 0, lookMs);
}
