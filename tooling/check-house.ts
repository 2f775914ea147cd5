/** The rules of the house that are not about a line of code: what a package must be and have. Each gives its reason. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { importTable } from "./lint/import-table.ts";
import { type Problems, report } from "./problems.ts";
import { type Manifest, type WorkspacePackage, root, workspacePackages } from "./repository.ts";

/** Looks at every package and at the catalog. */
export async function checkHouse(at: string): Promise<Problems> {
  const packages = await workspacePackages(at);
  const problems = packages.length === 0 ? [`${at} holds no packages.`] : [];
  for (const one of packages) {
    problems.push(...manifestProblems(one), ...(await fileProblems(at, one)));
    if (one.path.startsWith("packages/")) problems.push(...exportProblems(one));
  }
  const rootManifest = JSON.parse(await readFile(join(at, "package.json"), "utf8")) as Manifest;
  const catalog = catalogNames(await readFile(join(at, "pnpm-workspace.yaml"), "utf8"));
  const used = new Set(
    [rootManifest, ...packages.map(({ manifest }) => manifest)].flatMap((manifest) => Object.keys(allDependencies(manifest))),
  );
  for (const name of catalog) {
    if (!used.has(name))
      problems.push(`pnpm-workspace.yaml: nobody uses ${name}. Drop it from the catalog: a version that nothing tests is a guess.`);
  }
  return problems;
}

function manifestProblems({ folder, path, manifest }: WorkspacePackage): string[] {
  const file = `${path}/package.json`;
  const problems: string[] = [];
  if (manifest.name !== `@raincheck/${folder}`)
    problems.push(`${file}: the name must be @raincheck/${folder}, as its folder: one word for one thing.`);
  if (manifest.type !== "module") problems.push(`${file}: "type" must be "module": everything here is ESM.`);
  if (manifest.license !== "MIT") problems.push(`${file}: "license" must be "MIT", as at the root.`);
  if (path.startsWith("apps/") && manifest.private !== true)
    problems.push(`${file}: an app is "private": true, so that no release publishes it.`);
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    const wanted = name.startsWith("@raincheck/") ? "workspace:*" : "catalog:";
    if (version !== wanted) problems.push(`${file}: ${name} must be "${wanted}": every version stands once, in pnpm-workspace.yaml.`);
  }
  return problems;
}

/** What is imported in the workspace is what is imported when published. */
function exportProblems({ path, manifest }: WorkspacePackage): string[] {
  const file = `${path}/package.json`;
  const problems: string[] = [];
  const published = manifest.publishConfig?.exports ?? {};
  if (published["."] === undefined) problems.push(`${file}: publishConfig.exports lacks ".": the packed package could not be imported.`);
  for (const [entry, target] of Object.entries(published)) {
    const written = manifest.exports?.[entry];
    const built = written?.replace(/^\.\/src\//, "./dist/").replace(/\.ts$/, "");
    if (built === undefined) problems.push(`${file}: "${entry}" is published but not in exports: nothing in the workspace tries it.`);
    else if (target.types !== `${built}.d.ts` || target.default !== `${built}.js`) {
      problems.push(`${file}: "${entry}" must be published as ${built}.js and ${built}.d.ts, what ${written} is built to.`);
    }
  }
  return problems;
}

async function fileProblems(at: string, { path, manifest }: WorkspacePackage): Promise<string[]> {
  const problems: string[] = [];
  if (path.startsWith("packages/")) {
    const readme = await readFile(join(at, path, "README.md"), "utf8").catch(() => null);
    if (readme === null) problems.push(`${path}: no README.md. It is the package's page in the registry.`);
    else if (!readme.startsWith(`# ${manifest.name}\n`)) problems.push(`${path}/README.md: begin with "# ${manifest.name}".`);
    if (!importTable.some(({ where }) => where.startsWith(`${path}/`))) {
      problems.push(`${path}: no row in tooling/lint/import-table.ts. Say there what it may import, and why.`);
    }
  }
  if ((await stat(join(at, path, "tsconfig.json")).catch(() => null)) === null)
    problems.push(`${path}: no tsconfig.json: nothing would check its types.`);
  return problems;
}

function allDependencies(manifest: Manifest): Record<string, string> {
  return { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies };
}

function catalogNames(workspace: string): string[] {
  const [, block = ""] = /^catalog:\n((?: {2}.*\n)+)/m.exec(workspace) ?? [];
  return [...block.matchAll(/^ {2}"?([^":\s]+)"?:/gm)].map(([, name = ""]) => name);
}

if (import.meta.main) report("house", await checkHouse(root));
