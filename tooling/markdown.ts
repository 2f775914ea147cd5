import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow } from "./repository.ts";

/** A written document. */
export interface Document {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of a document. */
export interface FencedBlock {
  /** The line of its opening fence, from 1. */
  readonly line: number;
  /** The line of its closing fence. */
  readonly endLine: number;
  /** What follows the fence's backticks: `ts`, `text`; empty if nothing. */
  readonly language: string;
  /** The HTML comment before it, without its brackets; `null` if something else is before it. */
  readonly marker: string | null;
  readonly code: string;
}

/** Every Markdown document that is written by hand. */
export async function documents(at: string): Promise<Document[]> {
  const paths = (await filesBelow(at)).filter((path) => path.endsWith(".md") && !path.endsWith("CHANGELOG.md"));
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(at, path), "utf8") })));
}

/** The fenced blocks of a document, in order. */
export function fencedBlocks(text: string): FencedBlock[] {
  const lines = text.split("\n");
  const blocks: FencedBlock[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const fence = /^(`{3,})(.*)$/.exec(lines[index] ?? "");
    if (fence === null) continue;
    const end = lines.indexOf(fence[1] ?? "", index + 1);
    if (end === -1) break;
    blocks.push({
      line: index + 1,
      endLine: end + 1,
      language: (fence[2] ?? "").trim(),
      marker: /^<!-- (.*) -->$/.exec(lines.slice(0, index).findLast((line) => line !== "") ?? "")?.[1] ?? null,
      code: lines.slice(index + 1, end).join("\n"),
    });
    index = end;
  }
  return blocks;
}

/** The document with the code of one block replaced. */
export function withCode(text: string, block: FencedBlock, code: string): string {
  const lines = text.split("\n");
  lines.splice(block.line, block.endLine - block.line - 1, ...code.split("\n"));
  return lines.join("\n");
}

/** The document with its fenced blocks left empty, line for line. */
export function prose(text: string): string {
  const lines = text.split("\n");
  for (const block of fencedBlocks(text)) {
    for (let line = block.line; line <= block.endLine; line += 1) lines[line - 1] = "";
  }
  return lines.join("\n");
}
