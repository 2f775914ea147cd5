/** The API of the benchmark of memory: it accepts as many calls as it is asked to, and holds none of their handles. */
import { collectedMemory } from "../collected-memory.ts";
import { inParallel } from "../queues/in-parallel.ts";
import { answerQuestions } from "../questions.ts";
import { engine, heldProcedure, raincheck } from "./raincheck.ts";

/** What it can be asked. */
export type ApiQuestion = { readonly type: "memory" } | { readonly type: "accept"; readonly count: number };

await engine.start();
process.once("disconnect", () => void engine.stop());
answerQuestions<ApiQuestion>((question) =>
  question.type === "memory" ? collectedMemory() : inParallel(question.count, () => raincheck.start(heldProcedure, undefined, { ctx: {} })),
);
