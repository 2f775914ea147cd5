import { afterAll, beforeAll, describe, test } from "vitest";
import type { EngineUnderTest, MakeEngine } from "./engine-under-test.ts";
import type { ConformanceTest } from "./theme.ts";
import { type TestName, themes } from "./themes.ts";
import { Trial } from "./trial.ts";

/** What an engine cannot do, and why. */
export interface Skip {
  /** To follow "skipped, because". */
  readonly reason: string;
  readonly tests: readonly TestName[];
}

/** Options of {@link describeEngine}. */
export interface DescribeEngineOptions<TTransaction> {
  /** For the report. */
  readonly name: string;
  readonly make: MakeEngine<TTransaction>;
  /** Default none. A name that the suite does not have is an error. */
  readonly skip?: readonly Skip[];
  /** `false`: the engine hears no notifications and must pass all the same. Default `true`. */
  readonly listen?: boolean;
}

/** How long a test waits for what must come; several times what the slowest poll takes on a busy machine. */
const patienceMs = 15_000;

/**
 * Runs the suite that every engine passes. One engine serves each theme, whose tests run at the same time: each has a queue
 * and an owner of its own.
 */
export function describeEngine<TTransaction>(options: DescribeEngineOptions<TTransaction>): void {
  const { name, make, skip = [], listen = true } = options;
  const reasons = skipReasons(skip);
  const makeOwn = (): Promise<EngineUnderTest> => make({ listen });

  describe(`${name} engine`, () => {
    for (const theme of themes) {
      describe.concurrent(theme.name, () => {
        let subject: EngineUnderTest | undefined;
        beforeAll(async () => {
          subject = await makeOwn();
        }, 60_000);
        afterAll(async () => {
          await subject?.[Symbol.asyncDispose]();
        }, 60_000);

        for (const [testName, conformanceTest] of Object.entries<ConformanceTest>(theme.tests)) {
          const reason = reasons.get(testName);
          if (reason !== undefined) {
            test.skip(`${testName} (skipped, because ${reason})`, () => {});
            continue;
          }
          test(testName, { timeout: 60_000 }, async () => {
            if (subject === undefined) throw new Error("The engine did not start.");
            await runTest(conformanceTest, new Trial(subject, { patienceMs, makeOwn }));
          });
        }
      });
    }
  });
}

/** Runs one test and then checks every call that it made. */
export async function runTest(conformanceTest: ConformanceTest, trial: Trial): Promise<void> {
  await conformanceTest.run(trial);
  await trial.verifyCalls();
}

/**
 * The reason of each skipped test by its name.
 *
 * @throws {RangeError} for a name that the suite does not have, or that is skipped twice.
 */
export function skipReasons(skip: readonly Skip[]): ReadonlyMap<string, string> {
  const known = new Set(themes.flatMap((theme) => Object.keys(theme.tests)));
  const reasons = new Map<string, string>();
  for (const { reason, tests } of skip) {
    for (const name of tests) {
      if (!known.has(name)) throw new RangeError(`The conformance suite has no test ${JSON.stringify(name)} to skip.`);
      if (reasons.has(name)) throw new RangeError(`The test ${JSON.stringify(name)} is skipped twice.`);
      reasons.set(name, reason);
    }
  }
  return reasons;
}
