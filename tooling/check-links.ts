/**
 * The links in the documents lead somewhere.
 *
 * - A relative link names a file or folder that exists; with `#part`, a heading of that document.
 * - A link to a test names one of its tests: the link's text is the test's title, letter for letter. So a promise in a document
 *   goes with the test behind it.
 */
import { readFile, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { documents, prose } from "./markdown.ts";
import { type Problems, report } from "./problems.ts";
import { root } from "./repository.ts";

/** Follows every relative link. */
export async function checkLinks(at: string): Promise<Problems> {
  const problems: string[] = [];
  let links = 0;
  for (const { path, text } of await documents(at)) {
    for (const [index, line] of prose(text).split("\n").entries()) {
      for (const [, label = "", target = ""] of line.matchAll(/\[((?:[^\]\\]|\\.)*)\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        links += 1;
        const problem = await follow(at, path, { label, target });
        if (problem !== null) problems.push(`${path}:${index + 1}: ${problem}`);
      }
    }
  }
  if (links === 0) problems.push("No document links to another file.");
  return problems;
}

async function follow(at: string, from: string, { label, target }: { label: string; target: string }): Promise<string | null> {
  const [file = "", part] = target.split("#");
  const path = file === "" ? from : posix.join(posix.dirname(from), file);
  const found = await stat(join(at, path)).catch(() => null);
  if (found === null) return `${path} does not exist.`;
  if (found.isDirectory()) return null;
  const text = path.endsWith(".md") || path.endsWith(".ts") ? await readFile(join(at, path), "utf8") : "";
  if (part !== undefined && path.endsWith(".md") && !anchors(text).includes(part)) return `${path} has no heading for #${part}.`;
  if (!/\.test(?:-d)?\.tsx?$|\/conformance\//.test(path)) return null;
  const title = label.replaceAll(/[`\\]/g, "");
  const titles = [...text.matchAll(/(["'`])((?:\\.|(?!\1).)*)\1/g)].map(([, , literal = ""]) => literal.replaceAll(/[`\\]/g, ""));
  return titles.includes(title) ? null : `${path} has no test named "${title}".`;
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchors(text: string): string[] {
  return [...prose(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

if (import.meta.main) report("links", await checkLinks(root));
