/**
 * What `@raincheck/client` costs a browser: bundled, minified and compressed, beside `@trpc/client`, which is there anyway. And that
 * nothing came along that does not belong into a browser.
 */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { type Problems, report } from "./problems.ts";
import { root } from "./repository.ts";

/** What an entry may cost, in bytes of gzip. */
export const budgets = { "index.ts": 8_448, "call-store.ts": 1_024 } as const;

/** What a bundle may not contain. `@trpc/server` is only types to it. */
const unwanted: readonly { pattern: RegExp; why: string }[] = [
  { pattern: /^node:/, why: "browsers have no node:*" },
  { pattern: /^effect(\/|$)/, why: "Effect lives in the worker" },
  { pattern: /^@trpc\/server(\/|$)/, why: "the client takes only types from it" },
];

/** What was measured. */
export interface ClientSize {
  readonly minifiedBytes: number;
  readonly gzipBytes: number;
  readonly problems: Problems;
}

/** Bundles an entry file as an application would, and weighs it. */
export async function measureClient(entry: string, maxBytes: number = budgets["index.ts"]): Promise<ClientSize> {
  const { metafile, outputFiles, errors } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["@trpc/client", ...unwantedNames],
    logLevel: "silent",
  });
  const contents = outputFiles[0]?.contents ?? new Uint8Array();
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  const inside = Object.keys(metafile.inputs).filter((path) => /node_modules\/(?!\.pnpm\/node_modules)/.test(path));
  const gzipBytes = gzipSync(contents, { level: 9 }).length;
  return {
    minifiedBytes: contents.length,
    gzipBytes,
    problems: [
      ...errors.map(({ text }) => text),
      ...outside.flatMap((name) =>
        unwanted.filter(({ pattern }) => pattern.test(name)).map(({ why }) => `The client imports ${name}: ${why}.`),
      ),
      ...inside.map((path) => `The client brings ${path} along: it may depend on @raincheck/protocol alone.`),
      ...(gzipBytes > maxBytes
        ? [`The client is ${gzipBytes} bytes of gzip, more than ${maxBytes}: take something out, or argue for the limit.`]
        : []),
    ],
  };
}

/** Left as imports, so that they are found by name instead of failing the build. */
const unwantedNames = ["node:*", "effect", "effect/*", "@trpc/server", "@trpc/server/*"];

if (import.meta.main) {
  const problems: string[] = [];
  for (const [entry, maxBytes] of Object.entries(budgets)) {
    const size = await measureClient(join(root, "packages/client/src", entry), maxBytes);
    console.log(`@raincheck/client ${entry}: ${size.minifiedBytes} bytes minified, ${size.gzipBytes} of gzip (at most ${maxBytes})`);
    problems.push(...size.problems);
  }
  report("client size", problems);
}
