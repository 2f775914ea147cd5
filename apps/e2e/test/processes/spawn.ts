import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { StartOptions } from "@raincheck/protocol";
import type { WorkerOptions } from "@raincheck/worker";
import type { Place, Release } from "./application.ts";

/** A call to start. */
export interface Order {
  readonly path: "report" | "slow" | "hung" | "flaky" | "dead" | "added";
  readonly input?: unknown;
  readonly options?: StartOptions;
}

/** What a process tells. */
export type Told = { readonly type: "ready"; readonly now: number } | { readonly type: "started"; readonly id: string };

/** What a process is to be. */
export interface Spawning {
  readonly role: "worker" | "starter";
  readonly release: Release;
  readonly place: Place;
  /** How far its wall clock is off. Default 0. */
  readonly skewMs?: number;
  readonly worker?: Pick<WorkerOptions, "concurrency" | "lease" | "unknownProcedureLimit">;
}

/** A process of the application, ready. Disposing lets it stop by itself, and waits for that. */
export class Running implements AsyncDisposable {
  readonly #process: ChildProcess;
  /** Its wall clock when it was ready. */
  readonly now: number;

  constructor(child: ChildProcess, now: number) {
    this.#process = child;
    this.now = now;
  }

  /** Starts a call there, and gives its id. */
  async start(order: Order): Promise<string> {
    this.#process.send(order);
    const [told] = (await once(this.#process, "message")) as [Told];
    if (told.type !== "started") throw new Error(`The process told ${told.type}.`);
    return told.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.disconnect();
    await ended;
  }
}

/** Starts a process and waits until it is ready. */
export async function spawn({ role, release, place, skewMs = 0, worker = {} }: Spawning): Promise<Running> {
  const at = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const child = fork(at("./process.ts"), [role, release, place.url, place.schema, JSON.stringify(worker)], {
    execArgv: ["--unhandled-rejections=strict", "--import", at("./skewed-clock.ts")],
    env: { ...process.env, SKEW_MS: String(skewMs) },
  });
  const [told] = (await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`The process ended before it was ready (${code}).`))),
  ])) as [Told];
  if (told.type !== "ready") throw new Error(`The process told ${told.type}.`);
  return new Running(child, told.now);
}
