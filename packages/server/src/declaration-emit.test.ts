import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const packageRoot = join(import.meta.dirname, "..");
const fixture = join(packageRoot, "test/fixtures/declaration-emit");
const tsc = join(packageRoot, "node_modules/.bin/tsc");

async function compile(project: string): Promise<string> {
  try {
    await promisify(execFile)(tsc, ["-p", project]);
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe("the declarations of an application's router", () => {
  test("are emitted, keep the brand, and type a client in another project", async () => {
    // Inside the package, so that the emitted files find its dependencies.
    const folder = await mkdtemp(join(packageRoot, "node_modules/.declaration-emit-"));
    await using _ = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const base = join(packageRoot, "../../tooling/tsconfig/base.json");

    const emitting = join(folder, "tsconfig.emit.json");
    const emitted = join(folder, "emitted");
    await writeFile(
      emitting,
      JSON.stringify({
        extends: base,
        compilerOptions: {
          types: ["node"],
          noEmit: false,
          declaration: true,
          emitDeclarationOnly: true,
          rootDir: join(packageRoot, ".."),
          outDir: emitted,
        },
        files: [join(fixture, "app.ts")],
      }),
    );
    expect(await compile(emitting)).toBe("");
    const declarations = await readFile(join(emitted, "server/test/fixtures/declaration-emit/app.d.ts"), "utf8");
    expect(declarations).toContain('report: import("@raincheck/server").DeferrableMutation<');
    expect(declarations).not.toMatch(/: any\b/);
    expect(declarations).not.toContain("unstable-core");

    await writeFile(join(folder, "app.d.ts"), declarations);
    await copyFile(join(fixture, "consumer.txt"), join(folder, "consumer.ts"));
    const consuming = join(folder, "tsconfig.json");
    await writeFile(consuming, JSON.stringify({ extends: base, compilerOptions: { types: ["node"] }, files: ["consumer.ts"] }));
    expect(await compile(consuming)).toBe("");
  }, 60_000);
});
