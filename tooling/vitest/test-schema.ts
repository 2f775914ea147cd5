import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type TestContext, inject, onTestFinished } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** The run's Postgres, as its superuser. Suites share it: keep to a schema from `testSchema()`. */
    readonly postgresUrl: string;
  }
}

/** A schema that belongs to one test. It does not exist yet: who needs it creates it. */
export interface TestSchema extends AsyncDisposable {
  /** Valid as an identifier without quotes. */
  readonly name: string;
  /** The database that it is for. */
  readonly url: string;
}

/**
 * A fresh schema name: `await using schema = await testSchema()`.
 *
 * The schema, and every other whose name begins with its name and `_`, is dropped when the test has finished. When the test has failed
 * they are kept, and their name is added to its report. Called outside of a test (`beforeAll`), they are dropped on disposal.
 *
 * @param test the test's context; only needed in concurrent tests, where vitest does not know which of them calls.
 */
export async function testSchema(test?: Pick<TestContext, "onTestFinished">): Promise<TestSchema> {
  const url = inject("postgresUrl");
  const name = `test_${randomBytes(8).toString("hex")}`;

  // Not on disposal: then it is not known yet whether the test fails, for the failure is what leaves its block.
  const isDroppedAfterTest = afterTest(test, async ({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`The schema of the failed test "${task.name}" is kept: ${name}\n`);
    else await dropSchemas(url, name);
  });

  return {
    name,
    url,
    async [Symbol.asyncDispose]() {
      if (!isDroppedAfterTest) await dropSchemas(url, name);
    },
  };
}

/** `false`: no test runs. */
function afterTest(test: Pick<TestContext, "onTestFinished"> | undefined, finish: Parameters<typeof onTestFinished>[0]): boolean {
  try {
    (test?.onTestFinished ?? onTestFinished)(finish);
    return true;
  } catch (error) {
    if (test === undefined) return false;
    throw error;
  }
}

async function dropSchemas(url: string, name: string): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const found = await sql<{ schema: string }[]>`
      select nspname as schema from pg_namespace where nspname = ${name} or starts_with(nspname, ${`${name}_`})`;
    for (const { schema } of found) await sql`drop schema ${sql(schema)} cascade`;
  } finally {
    await sql.end();
  }
}
