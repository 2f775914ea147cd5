import { describe, expect, it } from "vitest";
import { Project, connect } from "./project.ts";

describe("processes in one directory", () => {
  it("share one server, and the last to close stops it", async () => {
    await using project = await Project.initialised();
    const first = await project.open();
    const second = await project.open();
    expect(second.url).toBe(first.url);
    const { server } = project;
    expect(server).not.toBeNull();

    await first.close();
    await using sql = connect(second.url);
    expect(await sql`select 1 as one`).toMatchObject([{ one: 1 }]);
    expect(project.server).toBe(server);

    await sql.end();
    await second.close();
    // At once: it has waited for it.
    expect(project.processes()).toEqual([]);
  });

  it("initialise once when several start at the same moment", async () => {
    await using project = new Project();
    const users = [project.start(), project.start(), project.start(), project.start()];
    const urls = await Promise.all(users.map(async (user) => (await user.report("open")).url));
    expect(new Set(urls).size).toBe(1);
    const initialised = users.flatMap(({ lines }) => lines).filter((line) => line.startsWith("Initialising"));
    expect(initialised).toHaveLength(1);

    await Promise.all(users.map((user) => user.close()));
    expect(project.processes()).toEqual([]);
  });

  it("keep the server when the one that started it is killed, or interrupted from the terminal", async () => {
    await using project = await Project.initialised();
    const starter = await project.open();
    const second = await project.open();
    await using sql = connect(second.url);
    await sql`create table kept as select 1 as one`;
    const [before] = await sql`select pg_backend_pid() as pid`;

    // What a terminal does on Ctrl-C: to all of the job.
    process.kill(-starter.pid, "SIGINT");
    expect(await starter.ended).toEqual({ code: null, signal: "SIGINT" });
    expect(await sql`select pg_backend_pid() as pid, one from kept`).toEqual([{ ...before, one: 1 }]);

    const third = await project.open();
    await second.kill();
    expect(await sql`select pg_backend_pid() as pid, one from kept`).toEqual([{ ...before, one: 1 }]);
    await sql.end();
    await third.close();
    expect(project.processes()).toEqual([]);
  });
});
