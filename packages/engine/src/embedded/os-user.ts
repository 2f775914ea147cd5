import { spawnSync } from "node:child_process";
import { chownSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { EngineSetupError } from "../engine-errors.ts";

/** An operating system's user that has an entry in the user table. */
export interface OsUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user that is created when root starts the server and no better one is there. */
const createdName = "raincheck";

/** Whether this process runs as root, under which Postgres refuses to start. */
function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Whom the server runs as when root starts it; `null` for everybody else: as themselves.
 *
 * In this order: whoever owns the project, so that its files stay his; the `postgres` user of the system; a user made for this; `nobody`.
 *
 * @throws {EngineSetupError} when there is none of them.
 */
export function chooseServerUser(projectDirectory: string): OsUser | null {
  if (!isRoot()) return null;
  const user =
    unprivileged(userBy("uid", statSync(projectDirectory).uid)) ??
    unprivileged(userBy("name", "postgres")) ??
    unprivileged(userBy("name", createdName) ?? createUser()) ??
    unprivileged(userBy("name", "nobody"));
  if (user !== null) return user;
  throw new EngineSetupError(
    "Postgres refuses to run as root, and no other user could be found or created here: start as an ordinary user, or create a user named postgres.",
  );
}

/** The user who owns a path, for the server that has to run on it; `null` if root does or the user table has no such user. */
export function unprivilegedOwner(path: string): OsUser | null {
  return unprivileged(userBy("uid", statSync(path).uid));
}

/** Whether a user can reach what lies in a directory: he may pass through it and all above it. */
export function canEnter(directory: string, user: OsUser): boolean {
  const { mode, uid, gid } = statSync(directory);
  const mask = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  if ((mode & mask) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || canEnter(parent, user);
}

/** Gives a new file the owner of the directory it is in, when root wrote it in somebody's project. */
export function ownLike(file: string, neighbour: string): void {
  if (!isRoot()) return;
  const { uid, gid } = statSync(dirname(neighbour));
  chownSync(file, uid, gid);
}

function unprivileged(user: OsUser | null): OsUser | null {
  return user === null || user.uid === 0 ? null : user;
}

function userBy(key: "name" | "uid", value: string | number): OsUser | null {
  for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    const user = { name, uid: Number(uid), gid: Number(gid) };
    if (user[key] === value) return user;
  }
  return null;
}

function createUser(): OsUser | null {
  const ways: readonly (readonly [string, readonly string[]])[] = [
    ["useradd", ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", createdName]],
    // Alpine and other BusyBox systems.
    ["adduser", ["-S", "-D", "-H", "-h", "/nonexistent", "-s", "/bin/false", createdName]],
  ];
  for (const [command, args] of ways) {
    spawnSync(command, args, { stdio: "ignore", env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin` } });
    // Its exit code is not asked: another process may have created the user at the same moment.
    const user = userBy("name", createdName);
    if (user !== null) return user;
  }
  return null;
}
