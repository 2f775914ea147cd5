/** What stands in the way of `npm start` is told in one sentence on stderr, with exit code 1. */
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { testSchema } from "../../../tooling/vitest/test-schema.ts";
import { Program, temporaryDirectory } from "./program.ts";

/** Runs `npm start` to its end, and expects a refusal. */
async function refusalOf(args: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  await using start = new Program("start.ts", ["--once", ...args], environment);
  const { code, stderr } = await start.end();
  expect(code).toBe(1);
  expect(stderr, "one line, and so no stack").toMatch(/^.+\n$/);
  return stderr.trimEnd();
}

test("asked for help, it gives it and does nothing else", async () => {
  await using start = new Program("start.ts", ["--help"]);
  const { code, stdout, stderr } = await start.end();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("npm start -- [options]");
});

test("a dataset that is none, of the terminal program", async () => {
  await using terminal = new Program("terminal.ts", ["flights-3m"]);
  expect(await terminal.end()).toMatchObject({
    code: 1,
    stdout: "",
    stderr: 'Expected the name of one dataset, flights-20k or flights-200k, and not "flights-3m".\n',
  });
});

test("an option that is none", async () => {
  expect(await refusalOf(["--ones"])).toBe("Unknown option '--ones': see `npm start -- --help` for what there is.");
});

test.each(["abc", "70000", "-1", "80.5"])("a port that is none: %s", async (port) => {
  expect(await refusalOf([`--port=${port}`])).toBe(`--port is "${port}": expected a port from 1 to 65535, or 0 for any free one.`);
  expect(await refusalOf([], { PORT: port })).toBe(`PORT is "${port}": expected a port from 1 to 65535, or 0 for any free one.`);
});

test("a port that is taken", async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const environment = { DATABASE_URL: inject("postgresUrl"), RAINCHECK_SCHEMA: schema.name, EXAMPLE_SCHEMA: `${schema.name}_example` };
  const sentence = await refusalOf(["--port", String(port), "--directory", directory.path], environment);
  taken.close();
  expect(sentence).toBe(`Port ${port} is taken: free it, choose another with --port or PORT, or leave both out for any free one.`);
});

test("a directory that is a file", async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, "file");
  await writeFile(file, "taken");
  expect(await refusalOf(["--directory", file])).toBe(`The directory ${file} cannot be used (EEXIST): give another with --directory.`);
  expect(await refusalOf(["--directory", join(file, "below")])).toMatch(/^The directory \S+ cannot be used \(ENOTDIR\)/);
});

test("a data directory that is taken: .raincheck is a file", async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, ".raincheck"), "taken");
  expect(await refusalOf(["--directory", directory.path])).toContain(join(directory.path, ".raincheck"));
});

test("a data directory that is taken: it holds something else", async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, ".raincheck/postgres"), { recursive: true });
  await writeFile(join(directory.path, ".raincheck/postgres/notes"), "taken");
  expect(await refusalOf(["--directory", directory.path])).toContain(join(directory.path, ".raincheck/postgres"));
});

test("a place for the connection file that is taken", async () => {
  await using directory = await temporaryDirectory();
  await using schema = await testSchema();
  await writeFile(join(directory.path, ".raincheck"), "taken");
  const environment = { DATABASE_URL: inject("postgresUrl"), RAINCHECK_SCHEMA: schema.name, EXAMPLE_SCHEMA: `${schema.name}_example` };
  expect(await refusalOf(["--directory", directory.path], environment)).toMatch(
    /example\.json, which says where the API is, cannot be written \(E\w+\)/,
  );
});

test.each(["nonsense", "mysql://user:password@localhost/database"])("a DATABASE_URL that is none of Postgres: %s", async (url) => {
  expect(await refusalOf([], { DATABASE_URL: url })).toBe(
    "DATABASE_URL is no Postgres connection string: expected postgres://user:password@host:port/database.",
  );
});

test("a DATABASE_URL where nothing listens", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  await once(free, "close");
  expect(await refusalOf([], { DATABASE_URL: `postgres://user:secret@127.0.0.1:${port}/database` })).toBe(
    `No Postgres answers at 127.0.0.1:${port} (ECONNREFUSED): start it, correct DATABASE_URL, or unset DATABASE_URL to use the embedded one.`,
  );
});

test("a DATABASE_URL with a host that does not exist", async () => {
  const sentence = await refusalOf([], { DATABASE_URL: "postgres://user:secret@host.invalid/database" });
  expect(sentence).toBe("DATABASE_URL cannot be used: no host named host.invalid was found: check the url.");
});

test("a DATABASE_URL with a wrong password", async () => {
  const url = new URL(inject("postgresUrl"));
  url.password = "not-the-password";
  const sentence = await refusalOf([], { DATABASE_URL: url.href });
  expect(sentence).toContain(`DATABASE_URL cannot be used: Postgres at ${url.host} refuses the user "${url.username}"`);
  expect(sentence).not.toContain("not-the-password");
});

test("a DATABASE_URL with a database that does not exist", async () => {
  const url = new URL(inject("postgresUrl"));
  url.pathname = "/no_such_database";
  expect(await refusalOf([], { DATABASE_URL: url.href })).toContain(`Postgres at ${url.host} has no database "no_such_database"`);
});
