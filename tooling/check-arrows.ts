/**
 * The packages depend on each other as `docs/architecture.md` draws it, and in no other way.
 *
 * The drawing is the fenced block below `<!-- arrows -->`: one line a package, `name → name, name` for what it depends on,
 * and after `⇢` what only its tests use. It is compared with every `package.json` and with every import.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fencedBlocks } from "./markdown.ts";
import { type Problems, report } from "./problems.ts";
import { type WorkspacePackage, filesBelow, root, workspacePackages } from "./repository.ts";

const drawingPath = "docs/architecture.md";
const scope = "@raincheck/";

interface Arrows {
  readonly uses: ReadonlySet<string>;
  /** What only its tests use. */
  readonly tests: ReadonlySet<string>;
}

/** Compares drawing, manifests and imports. */
export async function checkArrows(at: string): Promise<Problems> {
  const text = await readFile(join(at, drawingPath), "utf8");
  const block = fencedBlocks(text).find(({ marker }) => marker === "arrows");
  if (block === undefined) return [`${drawingPath}: no block below <!-- arrows -->: draw there which package depends on which.`];
  const drawing = readDrawing(block.code);
  const packages = await workspacePackages(at);
  const problems: string[] = [];

  const folders = packages.map(({ folder }) => folder);
  for (const name of drawing.keys()) if (!folders.includes(name)) problems.push(`${drawingPath} draws ${name}, which is no package.`);
  for (const one of packages) {
    const arrows = drawing.get(one.folder);
    if (arrows === undefined) problems.push(`${drawingPath} does not draw ${one.folder}: say what ${one.path} depends on.`);
    else problems.push(...compareManifest(one, arrows), ...(await compareImports(at, one, arrows)));
  }
  const cycle = findCycle(drawing);
  if (cycle !== null) problems.push(`${drawingPath}: the arrows go in a circle: ${cycle.join(" → ")}. Packages are built in their order.`);
  return problems;
}

function readDrawing(code: string): Map<string, Arrows> {
  const drawing = new Map<string, Arrows>();
  for (const line of code.split("\n")) {
    const [, name, uses = "", tests = ""] = /^(\w[\w-]*)\s*(?:→([^⇢]*))?(?:⇢(.*))?$/.exec(line.trim()) ?? [];
    if (name !== undefined) drawing.set(name, { uses: names(uses), tests: names(tests) });
  }
  return drawing;
}

function names(list: string): Set<string> {
  return new Set(list.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()])));
}

function compareManifest({ path, manifest }: WorkspacePackage, arrows: Arrows): string[] {
  const uses = inScope({ ...manifest.dependencies, ...manifest.peerDependencies });
  const tests = inScope(manifest.devDependencies ?? {}).filter((name) => !uses.includes(name));
  return [
    ...uses
      .filter((name) => !arrows.uses.has(name))
      .map(
        (name) => `${path}/package.json depends on ${name}, but no arrow is drawn. Draw it in ${drawingPath} if it is meant, else drop it.`,
      ),
    ...[...arrows.uses]
      .filter((name) => !uses.includes(name))
      .map((name) => `${drawingPath} draws ${path} → ${name}, but ${path}/package.json does not depend on it.`),
    ...tests
      .filter((name) => !arrows.tests.has(name))
      .map((name) => `${path}/package.json uses ${name} in tests (devDependencies), but no ⇢ is drawn in ${drawingPath}.`),
    ...[...arrows.tests]
      .filter((name) => !tests.includes(name))
      .map((name) => `${drawingPath} draws ${path} ⇢ ${name}, but it is not in the devDependencies of ${path}/package.json.`),
  ];
}

function inScope(dependencies: Readonly<Record<string, string>>): string[] {
  return Object.keys(dependencies).flatMap((name) => (name.startsWith(scope) ? [name.slice(scope.length)] : []));
}

const importing = /^[ \t]*(?:import|export)\b[^;"'`]*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;

async function compareImports(at: string, { folder, path }: WorkspacePackage, arrows: Arrows): Promise<string[]> {
  const problems: string[] = [];
  for (const file of await filesBelow(join(at, path))) {
    if (!/\.[cm]?tsx?$/.test(file)) continue;
    const isTest = /\.test(-d)?\.tsx?$|(^|\/)(test|conformance)\//.test(file);
    const code = await readFile(join(at, path, file), "utf8");
    for (const [, statement, expression] of code.matchAll(importing)) {
      const specifier = statement ?? expression ?? "";
      if (!specifier.startsWith(scope)) continue;
      const name = specifier.slice(scope.length).split("/")[0] ?? "";
      if (name === folder || arrows.uses.has(name) || (isTest && arrows.tests.has(name))) continue;
      problems.push(`${path}/${file} imports ${specifier}: no arrow from ${folder} to ${name} is drawn in ${drawingPath}.`);
    }
  }
  return problems;
}

/** A way along the arrows, those of the tests included, that comes back to where it began. */
function findCycle(drawing: ReadonlyMap<string, Arrows>): string[] | null {
  const done = new Set<string>();
  function walk(name: string, way: readonly string[]): string[] | null {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return null;
    const { uses = new Set<string>(), tests = new Set<string>() } = drawing.get(name) ?? {};
    for (const next of [...uses, ...tests]) {
      const cycle = walk(next, [...way, name]);
      if (cycle !== null) return cycle;
    }
    done.add(name);
    return null;
  }
  for (const name of drawing.keys()) {
    const cycle = walk(name, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

if (import.meta.main) report("arrows", await checkArrows(root));
