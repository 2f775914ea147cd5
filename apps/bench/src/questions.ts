/** Questions that a benchmark asks its processes, over the channel between them. */
import type { ChildProcess } from "node:child_process";

/** Asks a child, any number of things at once. Rejects when the child cannot answer, or ends. */
export function ask<TQuestion, TAnswer>(child: ChildProcess, question: TQuestion): Promise<TAnswer> {
  return new Promise((resolve, reject) => {
    const number = nextNumber++;
    const onMessage = (message: Answered<TAnswer>): void => {
      if (message.number !== number) return;
      leave();
      if ("error" in message) reject(new Error(message.error));
      else resolve(message.answer);
    };
    const onExit = (code: number | null): void => {
      leave();
      reject(new Error(`A process ended with ${String(code)} instead of answering ${JSON.stringify(question)}.`));
    };
    const leave = (): void => void child.off("message", onMessage).off("exit", onExit);
    child.on("message", onMessage).on("exit", onExit);
    child.send({ number, question });
  });
}

/** Answers the questions of the parent from now on, and tells it so. */
export function answerQuestions<TQuestion>(answer: (question: TQuestion) => unknown, ready: object = {}): void {
  process.on("message", async ({ number, question }: { number: number; question: TQuestion }) => {
    try {
      process.send?.({ number, answer: await answer(question) });
    } catch (error) {
      process.send?.({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.send?.({ ready: true, ...ready });
}

type Answered<TAnswer> = { readonly number: number } & ({ readonly answer: TAnswer } | { readonly error: string });

let nextNumber = 1;
