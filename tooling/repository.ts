import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** The root of this repository. */
export const root = resolve(import.meta.dirname, "..");

/** Folders that are made, not written. */
const made = new Set(["node_modules", "dist", "coverage", "test-results"]);

/** The names of what is written by hand in a folder, sorted: no hidden ones, nothing that was built or installed. */
export async function writtenIn(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = (await readdir(folder, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith(".") && !made.has(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    files: entries.filter((entry) => entry.isFile()).map(({ name }) => name),
    folders: entries.filter((entry) => entry.isDirectory()).map(({ name }) => name),
  };
}

/** The paths of all written files below a folder, from that folder, with forward slashes. */
export async function filesBelow(folder: string): Promise<string[]> {
  const { files, folders } = await writtenIn(folder);
  const below = await Promise.all(folders.map(async (name) => (await filesBelow(join(folder, name))).map((path) => `${name}/${path}`)));
  return [...files, ...below.flat()];
}

/** What the checks read of a `package.json`. */
export interface Manifest {
  readonly name?: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly type?: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly exports?: Readonly<Record<string, { readonly types?: string; readonly default?: string }>> };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A package of the workspace. */
export interface WorkspacePackage {
  /** `engine`. */
  readonly folder: string;
  /** `packages/engine`. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** Every folder of `packages/` and `apps/` that is a package, in order. */
export async function workspacePackages(at: string): Promise<WorkspacePackage[]> {
  const found: WorkspacePackage[] = [];
  for (const group of ["packages", "apps"]) {
    for (const folder of (await writtenIn(join(at, group))).folders) {
      const path = `${group}/${folder}`;
      const manifest = await readFile(join(at, path, "package.json"), "utf8").catch(() => null);
      if (manifest !== null) found.push({ folder, path, manifest: JSON.parse(manifest) as Manifest });
    }
  }
  return found;
}
