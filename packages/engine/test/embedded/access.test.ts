import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Project, connect, isRoot, runAsNobody, uidOf } from "./project.ts";
import type { User } from "./user.ts";

describe("the server", () => {
  let project: Project;
  let user: User & { readonly url: string };
  beforeAll(async () => {
    project = new Project();
    user = await project.open({ CANARY: "of the starter's environment" });
  });
  afterAll(() => project[Symbol.asyncDispose]());

  it("is nobody's but the user's", () => {
    const { data } = project;
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const name of ["postgres.json", "postgres.log", "postgres.users"]) expect(statSync(project.file(name)).mode & 0o777).toBe(0o600);
    // Root's server runs as another user, who must pass through; nobody may list.
    expect(statSync(project.file()).mode & 0o777).toBe(isRoot ? 0o711 : 0o700);
    expect(readFileSync(project.file(".gitignore"), "utf8")).toBe("*\n");
  });

  it("does not run as root, in a session of its own, without the starter's environment", () => {
    const { server } = project;
    for (const pid of project.processes()) expect(uidOf(pid)).not.toBe(0);
    expect(sessionOf(server as number)).not.toBe(sessionOf(user.pid));
    expect(readFileSync(`/proc/${user.pid}/environ`, "utf8")).toContain("CANARY");
    for (const pid of project.processes()) expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("CANARY");
  });

  it("never shows the password in a command line", () => {
    const { password } = new URL(user.url);
    expect(password).toMatch(/^[\w-]{43}$/);
    for (const pid of project.processes()) expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(password);
  });

  it("lets nobody in who does not know the password", async () => {
    const withUser = (change: (url: URL) => void): Promise<unknown> => {
      const url = new URL(user.url);
      change(url);
      const sql = connect(url.href);
      return sql`select 1`.catch((error: unknown) => error).finally(() => sql.end());
    };
    for (const password of ["", "password", "postgres"]) {
      expect(await withUser((url) => (url.password = password))).toMatchObject({ message: expect.stringMatching(/password/) });
    }
    for (const username of ["postgres", "root"]) {
      expect(await withUser((url) => ((url.username = username), (url.password = "password")))).toMatchObject({ code: "28P01" });
    }
    expect(await withUser(() => {})).toMatchObject([{}]);
  });

  it("gives its files to no other user of the machine", () => {
    const path = project.file("postgres.json");
    expect(spawnSync("cat", [path]).status).toBe(0);
    // Without root nobody can be played; the modes above then say it alone.
    const other = isRoot ? runAsNobody("cat", [path]) : { code: 1, said: "Permission denied" };
    expect(other).toEqual({ code: 1, said: expect.stringContaining("Permission denied") });
  });

  it("listens on the loopback alone, has no socket file, and keeps what it commits", async () => {
    await using sql = connect(user.url);
    const settings = await sql`
      select name, setting from pg_settings
      where name in ('listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'full_page_writes', 'max_connections', 'password_encryption', 'server_encoding')`;
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      fsync: "on",
      synchronous_commit: "on",
      full_page_writes: "on",
      max_connections: "200",
      password_encryption: "scram-sha-256",
      server_encoding: "UTF8",
    });
    expect(await sql`select type, address, auth_method from pg_hba_file_rules`).toEqual([
      { type: "host", address: "127.0.0.1", auth_method: "scram-sha-256" },
    ]);
    expect(await sql`select rolname from pg_authid where rolcanlogin and rolpassword like 'SCRAM-SHA-256$%'`).toEqual([
      { rolname: "raincheck" },
    ]);
    expect(await sql`select rolname from pg_authid where rolcanlogin`).toHaveLength(1);
    expect(listeningAddresses(project.server as number)).toEqual(["0100007F"]);
  });
});

it("runs in a directory that only its owner may enter", async () => {
  await using project = new Project(0o700);
  const user = await project.openHere();
  let home: string;
  {
    await using sql = connect(user.url);
    home = dirname((await sql`show data_directory`)[0]?.["data_directory"] as string);
  }
  try {
    const second = await project.openHere();
    expect(second.url).toBe(user.url);
    await second.close();
    await user.close();
    // Root's server cannot get in, so its data is elsewhere, and the same at the next start.
    expect(home === project.file()).toBe(!isRoot);
    const third = await project.openHere();
    expect(third.url).toBe(user.url);
    await third.close();
  } finally {
    if (existsSync(project.file("elsewhere"))) {
      rmSync(home, { recursive: true });
      rmSync(project.file("elsewhere"));
    }
  }
});

/** What a process's listening TCP sockets are bound to, as the kernel writes it: `0100007F` is 127.0.0.1. */
function listeningAddresses(pid: number): readonly string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(join(`/proc/${pid}/fd`, fd)))?.[1]),
  );
  const rows = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/net/${table}`, "utf8").trim().split("\n").slice(1));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && sockets.has(fields[9]))
    .map((fields) => fields[1]?.split(":")[0] ?? "");
}

function sessionOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
}
