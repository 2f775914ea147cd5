import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

const rootOfFolder = new Map<string, string>();

/**
 * The path of a file from the root of the repository it lies in (the folder that holds `pnpm-workspace.yaml`), with forward
 * slashes. It does not depend on the current directory.
 */
export function repositoryPath(file: string): string {
  return relative(rootOf(dirname(file)), file)
    .split(sep)
    .join("/");
}

function rootOf(folder: string): string {
  const known = rootOfFolder.get(folder);
  if (known !== undefined) return known;
  const parent = dirname(folder);
  const root = existsSync(join(folder, "pnpm-workspace.yaml")) || parent === folder ? folder : rootOf(parent);
  rootOfFolder.set(folder, root);
  return root;
}

/** Whether a file is a test or serves tests only. */
export function isTestFile(path: string): boolean {
  return /\.test(-d)?\.tsx?$/.test(path) || /\/(test|conformance|__fixtures__)\//.test(path);
}
