import type { CallEvent } from "@raincheck/client";
import type { ImportProgress } from "../flights/import-progress.ts";
import type { Timeline } from "../terminal/timeline.ts";
import { Trouble } from "../trouble.ts";
import type { ChildProgram } from "./child-program.ts";

/** What a {@link HalfwayKill} is told. */
export interface HalfwayKillOptions {
  readonly workers: readonly ChildProgram[];
  readonly timeline: Timeline;
}

/** Kills the worker that runs an import when the import is half done, once; and measures how long it is until another one begins. */
export class HalfwayKill {
  readonly #options: HalfwayKillOptions;
  #killedAtMs: number | null = null;
  #restartedAfterMs: number | null = null;

  constructor(options: HalfwayKillOptions) {
    this.#options = options;
  }

  /** Milliseconds from SIGKILL until this process heard that the next attempt had begun; `null` before. */
  get restartedAfterMs(): number | null {
    return this.#restartedAfterMs;
  }

  /** Looks at an event of the import. Which worker runs it is not guessed: its progress says so. */
  see(event: CallEvent, progress: ImportProgress | null): void {
    if (progress !== null && this.#killedAtMs === null && progress.done * 2 >= progress.total) this.#kill(progress);
    if (event.type === "started" && this.#killedAtMs !== null) this.#restartedAfterMs ??= performance.now() - this.#killedAtMs;
  }

  #kill({ worker, done, total }: ImportProgress): void {
    const { workers, timeline } = this.#options;
    const victim = workers.find(({ name }) => name === worker);
    if (victim === undefined)
      throw new Trouble(
        `Another worker of this database, ${worker}, runs the import: stop it, for only a worker of this demonstration may be killed.`,
      );
    victim.kill();
    this.#killedAtMs = performance.now();
    timeline.keep();
    const percent = Math.floor((done / total) * 100);
    timeline.tell({ what: "SIGKILL", text: `${victim.name} (pid ${victim.pid}), which runs it, is killed at ${percent} %`, style: "red" });
    timeline.wait({ what: "waiting", text: "for its lease to end", style: "dim" });
  }
}
