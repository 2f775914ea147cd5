import type { EngineUnderTest } from "../src/conformance/index.ts";
import { memoryEngine } from "../src/memory/index.ts";

/** A memory engine as the conformance suite wants it. The application's writes go to memory as well, and stay there. */
export async function makeMemorySubject(): Promise<EngineUnderTest<null>> {
  const engine = memoryEngine();
  await engine.start();
  const marks = new Map<string, number>();
  return {
    engine,
    open: () => Promise.reject(new Error("The memory engine is one process.")),
    // Its timer removes what was retained long enough at the moment it has been.
    sweep: async () => {},
    effects: {
      write: async (_transaction, mark) => {
        marks.set(mark, (marks.get(mark) ?? 0) + 1);
      },
      count: async (mark) => marks.get(mark) ?? 0,
    },
    [Symbol.asyncDispose]: () => engine.stop(),
  };
}
