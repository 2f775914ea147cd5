/**
 * How the suites are arranged. `vitest run` runs all of them; `vitest run packages/engine` those of one package;
 * `vitest run --project unit` those of one kind.
 *
 * - `unit`: `src/**\/*.test.ts` beside the code, and the repository's own checks in `tooling/test`. No database, no processes that last.
 * - `integration`: `test/**\/*.test.ts` of a package or an app. They get one real Postgres for the whole run as `inject("postgresUrl")`, and
 *   a schema of their own from `testSchema()` in `tooling/vitest/test-schema.ts`. The Postgres is started only if such a suite is in the run.
 * - `types`: `**\/*.test-d.ts`, judged by the compiler and not run.
 *
 * A test that fails is not tried again: what fails sometimes is broken. A rejection that nobody has handled when it occurs fails the run
 * (vitest's own doing, and as strict as Node's `--unhandled-rejections=strict`).
 */
import { type TestProjectInlineConfiguration, defineConfig } from "vitest/config";

const shared = {
  retry: 0,
  restoreMocks: true,
  unstubEnvs: true,
  unstubGlobals: true,
} satisfies TestProjectInlineConfiguration["test"];

export default defineConfig({
  test: {
    allowOnly: false,
    teardownTimeout: 60_000,
    // Of two cores vitest would leave one idle, but these suites mostly wait for other processes.
    maxWorkers: "100%",
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["{packages,apps}/*/src/**/*.test.ts?(x)", "tooling/test/**/*.test.ts"],
          testTimeout: 10_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: "integration",
          include: ["{packages,apps}/*/test/**/*.test.ts?(x)"],
          globalSetup: ["tooling/vitest/postgres.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["{packages,apps}/*/{src,test}/**/*.test-d.ts?(x)"],
            tsconfig: "tooling/tsconfig/type-tests.json",
            // The compiler is started while the suites of the other projects keep the machine busy.
            spawnTimeout: 60_000,
          },
        },
      },
    ],
  },
});
