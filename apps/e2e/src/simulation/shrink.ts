import type { WorldFailure, WorldPlan } from "./run-world.ts";

/** Runs that shrinking may cost. */
const mostRuns = 2_000;

/**
 * Leaves out steps for as long as the same promise is still broken: first halves, then ever smaller parts. A step's draw depends on its
 * number alone, so what is left out moves nothing else.
 *
 * @param failure what the plan came to.
 * @param run what a plan comes to.
 * @returns the plan with what is left of its steps.
 */
export async function shrink(
  plan: WorldPlan,
  failure: WorldFailure,
  run: (plan: WorldPlan) => Promise<{ readonly failure: WorldFailure | null }>,
): Promise<WorldPlan> {
  const upTo = failure.step === null ? plan.steps.length : plan.steps.indexOf(failure.step) + 1;
  let steps = plan.steps.slice(0, upTo);
  let part = Math.ceil(steps.length / 2);
  for (let runs = 0; runs < mostRuns && part > 0;) {
    let isShorter = false;
    for (let from = 0; from < steps.length && runs < mostRuns; runs++) {
      const fewer = steps.toSpliced(from, part);
      const { failure: other } = await run({ seed: plan.seed, steps: fewer });
      if (other?.invariant === failure.invariant) {
        steps = fewer;
        isShorter = true;
      } else {
        from += part;
      }
    }
    if (part > 1) part = Math.ceil(part / 2);
    else if (!isShorter) part = 0;
  }
  return { ...plan, steps };
}
