import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { ChildMessage } from "../child-message.ts";
import { Trouble } from "../trouble.ts";

/** What a {@link ChildProgram} is started with. */
export interface ChildProgramOptions {
  /** For people: `worker-1`. */
  readonly name: string;
  /** The program's file. */
  readonly file: URL;
  readonly environment: NodeJS.ProcessEnv;
  /** Takes what the program writes to stderr, line by line. */
  readonly onLine: (line: string) => void;
}

/** How long a program that was asked to stop may take, in milliseconds; then it is killed. */
const stopMs = 8_000;

/**
 * A program of the demonstration in a process of its own. It is not in the terminal's foreground group, so Ctrl-C reaches this
 * process alone, which then stops the others in order; when this process dies, their IPC channel closes, and they stop by
 * themselves.
 */
export class ChildProgram {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  readonly #ready = Promise.withResolvers<Extract<ChildMessage, { type: "ready" }>>();
  #isExpectedToEnd = false;
  #sentence: string | null = null;

  constructor({ name, file, environment, onLine }: ChildProgramOptions) {
    this.name = name;
    this.#child = fork(file, [], {
      env: { ...environment, PROCESS_NAME: name },
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
    });
    createInterface({ input: this.#child.stderr! }).on("line", onLine);
    this.#child.on("message", (raw) => this.#hear(ChildMessage.parse(raw)));
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(`could not be started (${error.message})`));
      // "close" and not "exit": by then all it wrote has been read.
      this.#child.once("close", (code, signal) => resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`));
    });
    // Who waits for it hears of it; who does not must not be told by an unhandled rejection.
    this.#ready.promise.catch(() => undefined);
    void this.death().then((trouble) => this.#ready.reject(trouble));
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Resolves when it does its work. Rejects with a {@link Trouble} when it ends before. */
  ready(): Promise<{ readonly url?: string | undefined }> {
    return this.#ready.promise;
  }

  /** Resolves with a sentence when it ends without having been told to; never otherwise. */
  async death(): Promise<Trouble> {
    const how = await this.#ended;
    if (this.#isExpectedToEnd) return new Promise(() => {});
    return new Trouble(this.#sentence ?? `The process ${this.name} ${how}, which nobody asked for; what it wrote is above.`);
  }

  /** SIGKILL: it cannot clean up, and its calls stay as they are. */
  kill(): void {
    this.#isExpectedToEnd = true;
    this.#child.kill("SIGKILL");
  }

  /** Asks it to stop, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isExpectedToEnd = true;
    this.#child.kill("SIGTERM");
    const killing = setTimeout(() => this.#child.kill("SIGKILL"), stopMs);
    await this.#ended;
    clearTimeout(killing);
  }

  #hear(message: ChildMessage): void {
    switch (message.type) {
      case "ready":
        this.#ready.resolve(message);
        break;
      case "failed":
        this.#sentence = message.sentence;
        break;
      default:
        message satisfies never;
    }
  }
}
