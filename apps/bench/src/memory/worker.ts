/** The worker of the benchmark of memory, whose resolvers wait until they are told. */
import { runWorker } from "@raincheck/worker";
import { collectedMemory } from "../collected-memory.ts";
import { answerQuestions } from "../questions.ts";
import { engine, held, hold, raincheck, release, router } from "./raincheck.ts";

/** What it can be asked. */
export type WorkerQuestion =
  | { readonly type: "memory" | "held" | "release" }
  /** Holds what the resolvers of so many calls do, and nothing of Raincheck's; as bare promises, or called through tRPC. */
  | { readonly type: "hold"; readonly count: number; readonly by: "promise" | "trpc" };

const concurrency = Number(process.env["CONCURRENCY"]);
const worker = await runWorker({ raincheck, signals: false, concurrency });
process.once("disconnect", async () => {
  // It takes no more calls from here on, and those that it has can end.
  const stopped = worker.stop();
  release();
  await stopped;
  await engine.stop();
});

const caller = router.createCaller({});
answerQuestions<WorkerQuestion>((question) => {
  switch (question.type) {
    case "memory":
      return collectedMemory();
    case "held":
      return held();
    case "release":
      return release();
    case "hold":
      for (let count = 0; count < question.count; count++) void (question.by === "trpc" ? caller.plain() : hold());
      return null;
  }
});
