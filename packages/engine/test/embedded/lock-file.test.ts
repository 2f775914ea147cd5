import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type HeldLock, takeLock, tryLock } from "../../src/embedded/lock-file.ts";
import { identifyThisProcess } from "../../src/embedded/process-identity.ts";

function lockPath(): { readonly path: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "raincheck-lock-"));
  return { path: join(directory, "lock"), [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

describe("the lock", () => {
  it("is held by one, and then by the next", async () => {
    using file = lockPath();
    const first = tryLock(file.path) as HeldLock;
    expect(first.held).toBe(true);
    expect(tryLock(file.path)).toEqual({ held: false, path: file.path, pid: process.pid, liveness: "alive" });
    expect(await takeLock(file.path, 30)).toMatchObject({ held: false });
    const next = takeLock(file.path, 10_000);
    first.release();
    expect(await next).toMatchObject({ held: true });
    // Released before: it is the next one's now.
    first.release();
    expect(tryLock(file.path)).toMatchObject({ held: false });
    ((await next) as HeldLock).release();
    expect(readdirSync(join(file.path, ".."))).toEqual([]);
  });

  it("is taken over from a holder that is dead, whose pid is another's, or who left nothing readable", () => {
    using file = lockPath();
    const { pid: deadPid } = spawnSync("true");
    const here = identifyThisProcess();
    for (const holder of [
      { ...here, pid: deadPid },
      { ...here, startedAt: "1" },
      { ...here, scope: "another boot" },
    ]) {
      writeFileSync(file.path, JSON.stringify(holder));
      const lock = tryLock(file.path);
      expect(lock.held).toBe(true);
      (lock as HeldLock).release();
    }
    writeFileSync(file.path, "");
    // The lock that guards the taking over had a holder that died, too.
    writeFileSync(`${file.path}.takeover`, JSON.stringify({ ...here, pid: deadPid }));
    expect(tryLock(file.path).held).toBe(true);
    expect(readdirSync(join(file.path, ".."))).toEqual(["lock"]);
  });

  it("is not taken from a holder that cannot be seen from here", async () => {
    using file = lockPath();
    const here = identifyThisProcess();
    writeFileSync(file.path, JSON.stringify({ ...here, scope: `${here.scope.split(" ")[0]} pid:[1]` }));
    // At once: it is not known whether waiting helps.
    expect(await takeLock(file.path, 3_600_000)).toMatchObject({ held: false, pid: process.pid, liveness: "elsewhere" });
  });
});

describe("of many processes that are killed at any moment", () => {
  it("one at a time holds the lock", async () => {
    using file = lockPath();
    const { turns, collisions } = await contend(file.path, "lock");
    expect(collisions).toBe(0);
    expect(turns).toBeGreaterThanOrEqual(250);
  });

  it("several would be inside without it", async () => {
    using file = lockPath();
    const { collisions } = await contend(file.path, "none");
    expect(collisions).toBeGreaterThan(0);
  });
});

/** Four processes contend; now and then one of them is killed wherever it is, and another takes its place. */
async function contend(path: string, lockKind: "lock" | "none"): Promise<{ turns: number; collisions: number }> {
  let turns = 0;
  let collisions = 0;
  const running = new Set<ChildProcess>();
  const finished = Promise.withResolvers<void>();

  const start = (): void => {
    const child = fork(join(import.meta.dirname, "lock-user.ts"), [path, lockKind], { execArgv: [] });
    running.add(child);
    child.once("exit", (code) => {
      running.delete(child);
      if (code !== null) finished.reject(new Error(`A process ended by itself with ${code}.`));
    });
    child.on("message", (message) => {
      if (message === "two inside") collisions++;
      else if (++turns % 25 === 0 && turns < 250) {
        [...running][turns % running.size]?.kill("SIGKILL");
        start();
      }
      if (turns >= 250 && (lockKind === "lock" || collisions > 0)) finished.resolve();
    });
  };

  for (let count = 0; count < 4; count++) start();
  try {
    await finished.promise;
  } finally {
    await Promise.all([...running].map((child) => (child.kill("SIGKILL"), once(child, "exit"))));
  }
  return { turns, collisions };
}
