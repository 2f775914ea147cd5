/** A change of one of the product's source files, made while a process loads it: for mutants, and for points at which to strike. */
import { fileURLToPath } from "node:url";

/** One change. */
export interface SourcePatch {
  /** The file, from the root of the repository. */
  readonly file: string;
  /** What stands there, exactly once. */
  readonly find: string;
  /** What takes its place. */
  readonly replace: string;
}

/** The root of the repository, with a slash at its end. */
export const repositoryRoot = new URL("../../../../../", import.meta.url);

/**
 * Changes a source.
 *
 * @throws {Error} when the place is not found exactly once: the file has changed, and the patch must follow it.
 */
export function applyPatch(source: string, { file, find, replace }: SourcePatch): string {
  const places = source.split(find).length - 1;
  if (places !== 1)
    throw new Error(`${file} has ${places} places like ${JSON.stringify(find)}, and one was expected: the patch is out of date.`);
  return source.replace(find, () => replace);
}

/** The patches of a file that is being loaded. */
export function patchesOf(url: string, patches: readonly SourcePatch[]): readonly SourcePatch[] {
  if (!url.startsWith(repositoryRoot.href)) return [];
  const file = fileURLToPath(url).slice(fileURLToPath(repositoryRoot).length);
  return patches.filter((patch) => patch.file === file);
}
