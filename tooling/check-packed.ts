/**
 * What a release would publish works for those who install it: each package is packed as for the registry, its `package.json` and
 * types are examined in the tarball (publint, attw), and every entry point is imported from the unpacked files.
 *
 * Needs the build.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Problems, report } from "./problems.ts";
import { type WorkspacePackage, root, workspacePackages } from "./repository.ts";

const run = promisify(execFile);

/** Packs and examines every package that is not private. */
export async function checkPacked(at: string): Promise<Problems> {
  const packages = (await workspacePackages(at)).filter(({ manifest }) => manifest.private !== true);
  const workplace = await mkdtemp(join(tmpdir(), "raincheck-packed-"));
  try {
    const problems: string[] = packages.length === 0 ? ["There is no package to publish."] : [];
    for (const one of packages) problems.push(...(await packAndExamine(at, workplace, one)));
    // Only now: a package is imported beside all those that it depends on.
    if (problems.length === 0) for (const one of packages) problems.push(...(await importEntries(workplace, one)));
    return problems;
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
}

async function packAndExamine(at: string, workplace: string, { folder, path }: WorkspacePackage): Promise<string[]> {
  const tarball = join(workplace, `${folder}.tgz`);
  const packed = await attempt(path, [...pnpm(), "pack", "--out", tarball], join(at, path));
  if (packed.length > 0) return packed;
  const own = join(workplace, "node_modules/@raincheck", folder);
  await mkdir(own, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", own, "--strip-components=1"]);
  await linkDependencies(join(at, path, "node_modules"), join(own, "node_modules"));
  const bin = (name: string) => join(at, "node_modules/.bin", name);
  return [
    ...(await attempt(path, [bin("publint"), "run", tarball, "--strict"], workplace)),
    ...(await attempt(path, [bin("attw"), tarball, "--profile", "esm-only", "--no-emoji", "--format", "ascii"], workplace)),
  ];
}

/** Puts the third parties of a package beside its unpacked files; those of the house are unpacked themselves. */
async function linkDependencies(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from).catch(() => [])) {
    if (name.startsWith(".") || name === "@raincheck") continue;
    await symlink(join(from, name), join(to, name));
  }
}

async function importEntries(workplace: string, { path, manifest }: WorkspacePackage): Promise<string[]> {
  const problems: string[] = [];
  for (const entry of Object.keys(manifest.publishConfig?.exports ?? {})) {
    const name = `${manifest.name}${entry.slice(1)}`;
    const code = `const names = Object.keys(await import(${JSON.stringify(name)})); if (names.length === 0) throw new Error("it exports nothing");`;
    const failed = await attempt(`${path}: import "${name}"`, [process.execPath, "--input-type=module", "--eval", code], workplace);
    problems.push(...failed);
  }
  return problems;
}

/** Runs a program; its output if it failed. */
async function attempt(what: string, [program, ...args]: readonly [string, ...string[]], cwd: string): Promise<string[]> {
  try {
    await run(program, args, { cwd, maxBuffer: 64 << 20 });
    return [];
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as { stdout?: string; stderr?: string; message: string };
    return [`${what}: ${message.split("\n")[0]}\n${stdout}${stderr}`.trim()];
  }
}

/** The pnpm that runs this script, else the one that the repository names. */
function pnpm(): [program: string, ...args: string[]] {
  const { npm_execpath: running = "" } = process.env;
  if (/pnpm[^/]*$/.test(running)) return /\.[cm]?js$/.test(running) ? [process.execPath, running] : [running];
  return ["npx", "--yes", "pnpm@12.21.0"];
}

if (import.meta.main) report("packed packages", await checkPacked(root));
