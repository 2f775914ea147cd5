/**
 * The code in the documents is code that is compiled.
 *
 * - `<!-- from path/to/file.ts#name -->` above a fenced block: its code is the file's lines between `// #region name` and
 *   `// #endregion name`, without their common indent. Without `#name`: the whole file.
 * - `<!-- diff from a.ts to b.ts, at most 20 lines -->`: its code is what changes from one file to the other, with that limit on
 *   the lines added.
 * - `<!-- import table -->` above a list: it is the linter's import table.
 * - A block of TypeScript or JavaScript without such a mark is refused: nobody would notice when it stops being true.
 *
 * `--write` puts the code into the documents.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diffLines } from "./diff-lines.ts";
import { importTableAsMarkdown } from "./lint/import-table.ts";
import { type FencedBlock, documents, fencedBlocks, withCode } from "./markdown.ts";
import { type Problems, report } from "./problems.ts";
import { root } from "./repository.ts";

/**
 * Compares every marked block with the code it is from.
 *
 * @param write whether to put the code in where it differs.
 */
export async function checkDocumentCode(at: string, write = false): Promise<Problems> {
  const problems: string[] = [];
  let extracted = 0;
  for (const { path, text } of await documents(at)) {
    let mended = text;
    // From the last to the first, so that the line numbers of those before stay true.
    for (const block of fencedBlocks(text).toReversed()) {
      const where = `${path}:${block.line}`;
      const code = await codeFor(at, block).catch((error: Error) => error);
      if (code === null) {
        if (/^(?:[cm]?[jt]sx?|typescript|javascript)\b/.test(block.language)) {
          problems.push(`${where}: code that nothing compiles. Mark it <!-- from path/to/example.ts#region --> and run this with --write.`);
        }
      } else if (code instanceof Error) {
        problems.push(`${where}: ${code.message}`);
      } else {
        extracted += 1;
        if (code === block.code) continue;
        if (write) mended = withCode(mended, block, code);
        else problems.push(`${where} differs from its example: run \`npm run docs\`.`);
      }
    }
    const tabled = withImportTable(mended);
    if (tabled !== mended && !write) problems.push(`${path}: its import table is not the linter's: run \`npm run docs\`.`);
    if (write) mended = tabled;
    if (mended !== text) await writeFile(join(at, path), mended);
  }
  if (extracted === 0) problems.push("No document shows code of an example.");
  return problems;
}

/** The document with the linter's import table below its mark. */
function withImportTable(text: string): string {
  return text.replace(/(?<=<!-- import table -->\n)\n?(?:- .*\n)*/, () => `\n${importTableAsMarkdown()}\n`);
}

/** The code that belongs into a block; `null` for one without a mark. Rejects with what is wrong with the mark. */
async function codeFor(at: string, { marker }: FencedBlock): Promise<string | null> {
  const region = /^from ([^\s#]+)(?:#([\w-]+))?$/.exec(marker ?? "");
  if (region !== null) return regionOf(await source(at, region[1] ?? ""), region[2] ?? null);
  const change = /^diff from (\S+) to (\S+), at most (\d+) lines$/.exec(marker ?? "");
  if (change === null) return null;
  const [, from = "", to = "", limit] = change;
  const lines = diffLines(regionOf(await source(at, from), null), regionOf(await source(at, to), null));
  const added = lines.filter((line) => line.startsWith("+")).length;
  if (added > Number(limit)) throw new Error(`${added} lines are added from ${from} to ${to}; the document promises at most ${limit}.`);
  return lines.join("\n");
}

async function source(at: string, path: string): Promise<string> {
  const text = await readFile(join(at, path), "utf8").catch(() => null);
  if (text === null) throw new Error(`${path} does not exist.`);
  return text;
}

/** The lines of a region, or of the whole file, without marks of regions and without common indent. */
function regionOf(text: string, name: string | null): string {
  const all = text.trimEnd().split("\n");
  const marks = (word: string) => all.flatMap((line, index) => (line.trim() === `// #${word} ${name}` ? [index] : []));
  const [starts, ends] = [marks("region"), marks("endregion")];
  if (name !== null && (starts.length !== 1 || ends.length !== 1)) {
    throw new Error(`expected one "// #region ${name}" and one "// #endregion ${name}", found ${starts.length} and ${ends.length}.`);
  }
  const lines = (name === null ? all : all.slice((starts[0] ?? 0) + 1, ends[0])).filter((line) => !/^\s*\/\/ #(?:end)?region\b/.test(line));
  const indent = Math.min(...lines.flatMap((line) => (line.trim() === "" ? [] : [line.search(/\S/)])));
  return lines
    .map((line) => line.slice(indent))
    .join("\n")
    .trim();
}

if (import.meta.main) report("code in documents", await checkDocumentCode(root, process.argv.includes("--write")));
