import { inject, describe, expect, test } from "vitest";
import { postgresEngine } from "../../src/postgres/index.ts";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";

describe("starting", () => {
  test("eight engines that start at once on an empty database migrate it once", async () => {
    await using fixture = await ledgerFixture();
    const engines = Array.from({ length: 8 }, () => fixture.engine());
    await Promise.all(engines.map((engine) => engine.start()));
    const versions = await fixture.sql`select version from ${fixture.sql(fixture.schema)}.migration`;
    expect(versions.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
    const accepted = await Promise.all(engines.map((engine) => engine.accept(newCall())));
    expect(accepted.every(({ created }) => created)).toBe(true);
  });

  test("with migrate: false a ledger that is missing is refused, and one that is there is used", async () => {
    await using fixture = await ledgerFixture();
    const refused = fixture.engine({ migrate: false });
    await expect(refused.start()).rejects.toMatchObject({ _tag: "EngineSetupError", message: expect.stringContaining("migrate: true") });
    await fixture.engine().accept(newCall());
    await fixture.engine({ migrate: false }).accept(newCall());
  });

  test("a start that failed is tried again by the next verb", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine({ migrate: false });
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineSetupError" });
    await fixture.engine().accept(newCall());
    expect(await engine.accept(newCall())).toMatchObject({ created: true });
  });

  test("a stopped engine refuses, and stopping twice is one stop", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.accept(newCall());
    await Promise.all([engine.stop(), engine.stop()]);
    await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineUnavailable" });
  });

  const at = (change: (url: URL) => void): string => {
    const url = new URL(inject("postgresUrl"));
    change(url);
    return url.href;
  };

  test("a server that takes the connection and says nothing is told as unavailable, not waited for", async () => {
    await using proxy = await faultProxy(inject("postgresUrl"));
    proxy.blackhole = true;
    const engine = postgresEngine({ url: proxy.url });
    await expect(engine.start()).rejects.toMatchObject({ _tag: "EngineUnavailable", message: expect.stringContaining("CONNECT_TIMEOUT") });
    await engine.stop();
  });

  test.each([
    ["a wrong password", (url: URL) => void (url.password = "wrong"), "EngineSetupError", "check the user and the password"],
    [
      "a database that is not there",
      (url: URL) => void (url.pathname = "/no_such_database"),
      "EngineSetupError",
      `no database "no_such_database"`,
    ],
    ["a port where nothing listens", (url: URL) => void (url.port = "1"), "EngineUnavailable", "ECONNREFUSED"],
  ])("%s is told in one sentence without the password", async (_, change, tag, words) => {
    const engine = postgresEngine({ url: at(change) });
    const error: unknown = await engine.start().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ _tag: tag, message: expect.stringContaining(words) });
    expect(String(error)).not.toContain(new URL(inject("postgresUrl")).password);
    expect(String(error)).not.toContain("wrong");
    await engine.stop();
  });

  test.each([
    [{ url: "mysql://somewhere" }, "not a Postgres connection string"],
    [{ url: "" }, "not a Postgres connection string"],
    [{ url: "postgres://" }, "not a Postgres connection string"],
    [{ url: "postgres://user:50%off@localhost/x" }, "not a Postgres connection string"],
    [{ schema: `a"; drop table x` }, "Invalid schema"],
    [{ max: 2 }, "Invalid max"],
    [{ pollMs: 0 }, "Invalid pollMs"],
    [{ shcema: "x" }, "Unknown option shcema. Did you mean schema?"],
  ])("the options %o are refused where they are written", (options, words) => {
    expect(() => postgresEngine({ url: "postgres://localhost/x", ...options })).toThrow(words);
  });

  test("without a url it is refused in production", () => {
    const before = process.env["NODE_ENV"];
    process.env["NODE_ENV"] = "production";
    try {
      expect(() => postgresEngine()).toThrow("needs a url in production");
    } finally {
      process.env["NODE_ENV"] = before;
    }
  });
});
