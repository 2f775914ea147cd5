import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasTag } from "@raincheck/protocol";
import postgres, { type Sql } from "postgres";
import { afterAll, vi } from "vitest";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../src/embedded/index.ts";
import { findPostmaster } from "../../src/embedded/process-table.ts";
import { User } from "./user.ts";

/** A project's directory in which processes use the embedded Postgres. What still runs there is ended on disposal. */
export class Project implements AsyncDisposable {
  readonly directory: string;
  readonly #users: User[] = [];
  readonly #opened: EmbeddedPostgres[] = [];

  /** @param mode of the directory. Default: everybody may enter it. */
  constructor(mode = 0o755) {
    this.directory = mkdtempSync(join(tmpdir(), "raincheck-embedded-"));
    chmodSync(this.directory, mode);
  }

  /** A file of the place in which everything lies. */
  file(...names: string[]): string {
    return join(this.directory, ".raincheck", ...names);
  }

  get data(): string {
    return this.file("postgres");
  }

  /** The pid of the running server. */
  get server(): number | null {
    return findPostmaster(this.data)?.pid ?? null;
  }

  /** Starts a process that opens the Postgres. */
  start(env?: NodeJS.ProcessEnv): User {
    const user = new User(this.directory, env);
    this.#users.push(user);
    return user;
  }

  /** Starts one, and waits until it has the Postgres. */
  async open(env?: NodeJS.ProcessEnv): Promise<User & { readonly url: string }> {
    const user = this.start(env);
    const { url } = await user.report("open");
    return Object.assign(user, { url });
  }

  /** Opens it in this process, where no other is needed. Closed on disposal. */
  async openHere(): Promise<EmbeddedPostgres> {
    const opened = await openEmbeddedPostgres({ directory: this.directory });
    this.#opened.push(opened);
    return opened;
  }

  /** The sentence that an opener is refused with. */
  async refusal(): Promise<string> {
    try {
      await this.openHere();
    } catch (error) {
      if (hasTag(error, "EngineSetupError")) return error.message;
      throw error;
    }
    throw new Error("It was not refused.");
  }

  /** A project with data and no server: a copy of one that is initialised once in a test file, because that takes a second. */
  static async initialised(): Promise<Project> {
    template ??= initialiseTemplate();
    const project = new Project();
    execFileSync("cp", ["-a", (await template).file(), project.directory]);
    return project;
  }

  /** All processes that were started on this directory: server, its children, supervisor, initdb. */
  processes(): readonly number[] {
    const { data, server } = this;
    return pids().filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(data) || (server !== null && isChildOf(pid, server));
      } catch {
        return false;
      }
    });
  }

  async serverIsGone(): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.processes().length > 0) throw new Error(`Still there: ${this.processes().join(", ")}`);
      },
      { timeout: 15_000, interval: 50 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const disposable of [...this.#users, ...this.#opened]) await disposable[Symbol.asyncDispose]();
    killAll(this.processes());
    await this.serverIsGone();
    const elsewhere = this.file("elsewhere");
    if (existsSync(elsewhere)) throw new Error(`Delete what ${elsewhere} stands for in the test itself.`);
    rmSync(this.directory, { recursive: true, maxRetries: 5 });
  }
}

let template: Promise<Project> | undefined;

async function initialiseTemplate(): Promise<Project> {
  const project = new Project();
  await (await project.openHere()).close();
  return project;
}

afterAll(async () => (await template)?.[Symbol.asyncDispose]());

/** A connection that ends with its block. */
export function connect(url: string): Sql & AsyncDisposable {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {}, backoff: false });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) });
}

/** Ends processes at once. Those that have ended already, perhaps because another of them did, are passed over. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** The user of a process. */
export function uidOf(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}

/** Whether this run is root's, and so can act as other users. */
export const isRoot = process.getuid?.() === 0;

/** Runs a program as `nobody`, who has no rights on anything here. Only for root. */
export function runAsNobody(command: string, args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))) as [number, number];
  const { status, stderr } = spawnSync(command, args, { uid, gid, encoding: "utf8", cwd: "/" });
  return { code: status, said: stderr };
}

function pids(): readonly number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

function isChildOf(pid: number, parent: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
}
