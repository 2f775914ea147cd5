import { hasTag } from "@raincheck/protocol";
import { describe, expect, test } from "vitest";
import { runTest } from "./describe-engine.ts";
import type { EngineUnderTest, MakeEngine } from "./engine-under-test.ts";
import type { ConformanceTest, Twin } from "./theme.ts";
import { themes } from "./themes.ts";
import { Trial } from "./trial.ts";

/** How long a test waits on a broken engine: longer than anything in the suite takes on a sound one in memory. */
const patienceMs = 3_000;

/**
 * Proves of every test of the suite that it can fail: runs it on a sound engine with one fault, the test's twin, and demands
 * that it is caught by a check of the suite, not by an accident.
 *
 * @param make the sound engine.
 */
export function describeTwins<TTransaction>(make: MakeEngine<TTransaction>): void {
  for (const theme of themes) {
    describe.concurrent(`twins of ${theme.name}`, () => {
      for (const [name, conformanceTest] of Object.entries<ConformanceTest>(theme.tests)) {
        const { twin } = conformanceTest;
        test(`"${name}" catches an engine that ${twin.fault}`, { timeout: 30_000 }, async () => {
          const makeBroken = async (): Promise<EngineUnderTest> => breakSubject(await make({ listen: true }), twin);
          await using subject = await makeBroken();
          const verdict = await verdictOf(runTest(conformanceTest, new Trial(subject, { patienceMs, makeOwn: makeBroken })));
          if (verdict === null) expect.fail("The test passed on its twin, so it cannot fail.");
          if (!isCheck(verdict)) throw verdict;
        });
      }
    });
  }
}

function breakSubject(sound: EngineUnderTest, twin: Twin): EngineUnderTest {
  return {
    engine: twin.breakEngine(sound.engine),
    open: async () => twin.breakEngine(await sound.open()),
    sweep: () => sound.sweep(),
    effects: sound.effects,
    [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
  };
}

async function verdictOf(run: Promise<void>): Promise<unknown> {
  return run.then(
    () => null,
    (error: unknown) => error ?? new Error("The test rejected with nothing."),
  );
}

/** Whether an error is a failed assertion or an expired patience, if need be inside the report of a property test. */
function isCheck(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "AssertionError" || hasTag(error, "NotInTime") || isCheck(error.cause);
}
