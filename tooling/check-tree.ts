/**
 * The trees that the documents draw are the folders that exist.
 *
 * A tree is a fenced block below `<!-- tree -->` or `<!-- tree packages/engine -->` (where it begins; default: the root). Two
 * spaces a level; a name with a slash at its end is a folder; what follows two spaces or more is a remark. What is drawn must
 * exist. Where a folder is drawn with something in it, all its folders must be drawn; of files only the telling ones.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Document, type FencedBlock, documents, fencedBlocks } from "./markdown.ts";
import { type Problems, report } from "./problems.ts";
import { filesBelow, root, writtenIn } from "./repository.ts";

/** Compares every drawn tree with the folders. */
export async function checkTrees(at: string): Promise<Problems> {
  const problems: string[] = [];
  let trees = 0;
  for (const document of await documents(at)) {
    for (const block of fencedBlocks(document.text)) {
      const start = /^tree(?: (\S+))?$/.exec(block.marker ?? "");
      if (start === null) continue;
      trees += 1;
      problems.push(...(await compareTree(at, { document, block, start: start[1] ?? "." })));
    }
  }
  if (trees === 0) problems.push("No document draws a tree (a fenced block below <!-- tree -->): a newcomer needs one.");
  return problems;
}

interface DrawnTree {
  readonly document: Document;
  readonly block: FencedBlock;
  readonly start: string;
}

async function compareTree(at: string, { document, block, start }: DrawnTree): Promise<string[]> {
  const problems: string[] = [];
  /** The drawn names in each drawn folder. */
  const drawn = new Map<string, Set<string>>();
  let way: string[] = [];
  for (const [index, line] of block.code.split("\n").entries()) {
    const [, indent = "", name] = /^( *)(\S+)/.exec(line) ?? [];
    if (name === undefined) continue;
    const where = `${document.path}:${block.line + 1 + index}`;
    way = [...way.slice(0, indent.length / 2), name.replace(/\/$/, "")];
    const path = join(start, ...way);
    const parent = join(start, ...way.slice(0, -1));
    drawn.set(parent, (drawn.get(parent) ?? new Set()).add(name.replace(/\/$/, "")));
    const found = await stat(join(at, path)).catch(() => null);
    if (found === null) problems.push(`${where} draws ${path}, which does not exist.`);
    else if (found.isDirectory() !== name.endsWith("/"))
      problems.push(`${where}: ${path} is ${found.isDirectory() ? "a folder: end its name with a slash" : "a file: no slash"}.`);
  }
  for (const [folder, names] of drawn) {
    const { folders } = await writtenIn(join(at, folder)).catch(() => ({ folders: [] }));
    for (const name of folders) {
      // An empty folder is not kept by git: a fresh clone does not have it.
      if (!names.has(name) && (await filesBelow(join(at, folder, name))).length > 0)
        problems.push(`${document.path}:${block.line} draws ${folder}/ without its folder ${name}/.`);
    }
  }
  return problems;
}

if (import.meta.main) report("trees", await checkTrees(root));
