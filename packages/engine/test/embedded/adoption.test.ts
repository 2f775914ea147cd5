import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { Project, connect, killAll } from "./project.ts";

async function countRows(url: string): Promise<unknown> {
  await using sql = connect(url);
  return (await sql`select count(*)::int as rows from kept`)[0]?.["rows"];
}

async function addRow(url: string): Promise<void> {
  await using sql = connect(url);
  await sql`create table if not exists kept (at timestamptz default now())`;
  await sql`insert into kept default values`;
}

/** The supervisor of a server: the parent of its process. */
function supervisorsOf(project: Project): readonly number[] {
  return project.processes().filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("/bin/sh\0"));
}

describe("a server that is killed under its users", () => {
  it("is started again by one of them, on its port, with what was committed", async () => {
    await using project = await Project.initialised();
    const first = await project.openHere();
    const second = await project.openHere();
    await addRow(first.url);
    const killed = project.server as number;
    killAll([killed]);
    await vi.waitFor(async () => expect(await countRows(second.url)).toBe(1), { timeout: 15_000 });
    expect(project.server).not.toBe(killed);
    await first.close();
    expect(await countRows(second.url)).toBe(1);
    await second.close();
    expect(project.processes()).toEqual([]);
  });
});

describe("the next start", () => {
  it("adopts the server of a process that was killed", async () => {
    await using project = await Project.initialised();
    let user = await project.open();
    const { server } = project;
    for (let round = 1; round <= 5; round++) {
      await addRow(user.url);
      await user.kill();
      // Here, for a process that has to start first may be too late on a busy machine.
      const adopted = await project.openHere();
      expect(await countRows(adopted.url)).toBe(round);
      expect(project.server).toBe(server);
      user = await project.open();
      await adopted.close();
    }
    await user.close();
    expect(project.processes()).toEqual([]);
  });

  it("replaces a server that was killed, and another pid file's process is not mistaken for it", async () => {
    await using project = await Project.initialised();
    const first = await project.open();
    await addRow(first.url);
    const { uid, gid } = statSync(project.data);
    killAll([project.server as number]);

    // A process of the server's user that got its pid: Postgres alone would refuse to start.
    const reuser = spawn("sleep", ["60"], { uid, gid, stdio: "ignore" });
    await once(reuser, "spawn");
    const pidFile = project.file("postgres", "postmaster.pid");
    writeFileSync(pidFile, readFileSync(pidFile, "utf8").replace(/^\d+/, String(reuser.pid)));
    try {
      const second = await project.openHere();
      expect(await countRows(second.url)).toBe(1);
      await second.close();
      expect(reuser.exitCode).toBeNull();
    } finally {
      reuser.kill();
    }
    // The first one still says that it is there; its server is not.
    expect(project.server).not.toBeNull();
  });

  it.each(["", "no pid\n", "99999999\n"])("replaces a dead server that left the pid file %j", async (content) => {
    await using project = await Project.initialised();
    const first = await project.open();
    await addRow(first.url);
    const { server } = project;
    killAll(project.processes());
    await first.kill();
    await project.serverIsGone();
    writeFileSync(project.file("postgres", "postmaster.pid"), content);

    const second = await project.openHere();
    expect(project.server).not.toBe(server);
    expect(await countRows(second.url)).toBe(1);
    await second.close();
  });

  it("replaces a server that has lost its supervisor, for nobody would stop it", async () => {
    await using project = await Project.initialised();
    const first = await project.open();
    await addRow(first.url);
    const { server } = project;
    killAll(supervisorsOf(project));
    await first.kill();
    expect(project.server).toBe(server);

    const second = await project.openHere();
    expect(project.server).not.toBe(server);
    expect(await countRows(second.url)).toBe(1);
    await second.close();
    expect(project.processes()).toEqual([]);
  });

  it("starts afresh when the directory was deleted under a running server", async () => {
    await using project = await Project.initialised();
    const first = await project.open();
    const { server } = project;
    rmSync(project.file(), { recursive: true, maxRetries: 5 });

    const second = await project.openHere();
    expect(project.server).not.toBe(server);
    await addRow(second.url);
    await first.close();
    expect(await countRows(second.url)).toBe(1);
    await second.close();
    expect(project.processes()).toEqual([]);
  });

  it("initialises again after a starter that was killed while it did", async () => {
    await using project = new Project();
    const first = project.start();
    await first.report("log", ({ line }) => line.startsWith("Initialising"));
    await first.kill();
    expect(existsSync(project.data)).toBe(false);

    const second = await project.openHere();
    await addRow(second.url);
    await second.close();
    // The first one's initdb, too, has noticed by now that its directory is gone.
    await project.serverIsGone();

    const third = await project.openHere();
    expect(await countRows(third.url)).toBe(1);
    expect(readdirSync(project.file()).toSorted()).toEqual([".gitignore", "postgres", "postgres.json", "postgres.log", "postgres.users"]);
  });
});
