import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EngineSetupError } from "../engine-errors.ts";
import { asSetupError, sentenceOf } from "./setup-sentence.ts";

describe("what the system or Postgres said becomes one sentence", () => {
  it.each([
    'FATAL:  could not write lock file "postmaster.pid": No space left on device',
    "ENOSPC: no space left on device, write",
    "EDQUOT: disk quota exceeded, mkdir '/p/.raincheck'",
  ])("of a full disk: %s", (said) => {
    expect(sentenceOf("start it", said, { home: "/p/.raincheck" })).toBe(
      "Could not start it: there is no space left on the disk of /p/.raincheck; free some and start again.",
    );
  });

  it.each(["EACCES: permission denied, open '/p/x'", "EROFS: read-only file system, open '/p/x'"])(
    "of a place not to be written: %s",
    (said) => {
      expect(sentenceOf("start it", said, { home: "/p" })).toBe(
        `Could not start it: this user may not write what it needs in /p (${said}); start as its owner, or give a database url.`,
      );
    },
  );

  it("of anything else: the line that names the fault, and where more is", () => {
    const directory = mkdtempSync(join(tmpdir(), "raincheck-sentence-"));
    try {
      const said = `2026-11-22 15:55:57.962 UTC [1] LOG:  starting\n2026-11-22 15:55:57.962 UTC [1] FATAL:  the sky is falling.\n2026-11-22 15:55:57.962 UTC [1] LOG:  database system is shut down\n`;
      expect(sentenceOf("start it", said, { home: directory, log: "/p/log" })).toBe(
        `Could not start it in ${directory}: the sky is falling; /p/log may say more.`,
      );
      expect(sentenceOf("start it", "", { home: directory })).toBe(`Could not start it in ${directory}: for a reason it did not say.`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("whatever was thrown becomes a setup error", () => {
  it.each([undefined, null, "text", new Error("text"), { code: "EIO" }])("%s", (thrown) => {
    const error = asSetupError(thrown, tmpdir());
    expect(error).toMatchObject({ _tag: "EngineSetupError", code: "SETUP" });
    expect(error.message).toMatch(/^Could not start the embedded Postgres/);
    expect(error.cause).toBe(thrown);
  });

  it("unless it is one", () => {
    const error = new EngineSetupError("It is said.");
    expect(asSetupError(error, tmpdir())).toBe(error);
  });
});
