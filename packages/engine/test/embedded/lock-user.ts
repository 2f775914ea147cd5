/**
 * A process that takes the lock in its first argument again and again, and tells its parent when two were inside at once.
 *
 * With `"none"` as second argument it does not take the lock, to show that this would be told.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { takeLock } from "../../src/embedded/lock-file.ts";
import { isRunning } from "../../src/embedded/process-identity.ts";

const [path = "", lockKind] = process.argv.slice(2);
const inside = `${path}.inside`;

for (;;) {
  const lock = lockKind === "none" ? null : await takeLock(path, 30_000);
  if (lock !== null && !lock.held) throw new Error(`Process ${lock.pid} held the lock too long.`);
  const other = readIfPresent();
  if (other !== null && Number(other) !== process.pid && isRunning(Number(other))) process.send?.("two inside");
  writeFileSync(inside, String(process.pid));
  // Gives others the chance to be here as well.
  await new Promise((resolve) => setImmediate(resolve));
  rmSync(inside, { force: true });
  lock?.release();
  process.send?.("left");
}

function readIfPresent(): string | null {
  try {
    return readFileSync(inside, "utf8") || null;
  } catch {
    return null;
  }
}
