import { statfsSync } from "node:fs";
import { EngineSetupError } from "../engine-errors.ts";
import { hasTag } from "@raincheck/protocol";

/** Says in one sentence why something could not be done, from what the system or Postgres said about it. */
export function sentenceOf(act: string, said: string, { home, log }: { readonly home: string; readonly log?: string }): string {
  if (/ENOSPC|No space left on device|EDQUOT|quota exceeded/i.test(said) || isFull(home)) {
    return `Could not ${act}: there is no space left on the disk of ${home}; free some and start again.`;
  }
  if (/EACCES|EPERM|EROFS|Permission denied|Read-only file system/i.test(said)) {
    return `Could not ${act}: this user may not write what it needs in ${home} (${lastLine(said)}); start as its owner, or give a database url.`;
  }
  const more = log === undefined ? "" : `; ${log} may say more`;
  return `Could not ${act} in ${home}: ${lastLine(said)}${more}.`;
}

/** Makes any failure on the way an {@link EngineSetupError}, whatever was thrown. */
export function asSetupError(error: unknown, home: string): EngineSetupError {
  if (hasTag(error, "EngineSetupError")) return error as EngineSetupError;
  return new EngineSetupError(
    sentenceOf("start the embedded Postgres", error instanceof Error ? error.message : String(error), { home }),
    error,
  );
}

/** Less free than a new database and one more segment of its log take: on a full disk Postgres often cannot say what it failed of. */
function isFull(home: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(home);
    return bavail * bsize < 64_000_000;
  } catch {
    return false;
  }
}

/** The line that names the fault: the last that Postgres marks as one, else the last. */
function lastLine(said: string): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const line = lines.findLast((candidate) => /(FATAL|PANIC|ERROR|error):/.test(candidate)) ?? lines.at(-1) ?? "for a reason it did not say";
  return line
    .replace(/^.*?(FATAL|PANIC|ERROR|error):\s*/, "")
    .replace(/\.$/, "")
    .slice(0, 300);
}
