import { describe, expect, test } from "vitest";
import { newCall } from "../new-call.ts";
import { claimOne, ledgerFixture } from "./ledger-fixture.ts";

const reader = { principal: newCall().principal };
const megabyte = "x".repeat(1_048_576);

/** Postgres keeps no such text; the server's codec lets none through. */
const poison = JSON.stringify("a\u0000b").replaceAll("\\u0000", "\u0000");

describe("what is written in one statement with others", () => {
  test("and cannot be accepted, is refused alone", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    const taken = await engine.accept(newCall({ idempotencyKey: "taken", input: "1" }));
    const calls = Array.from({ length: 60 }, (_, index) => {
      if (index % 20 === 5) return newCall({ input: poison });
      if (index % 20 === 15) return newCall({ idempotencyKey: "taken", input: "2" });
      return newCall({ idempotencyKey: index % 2 === 0 ? `key ${index}` : null });
    });
    const accepted = await Promise.allSettled(calls.map((call) => engine.accept(call)));
    for (const [index, result] of accepted.entries()) {
      const { id } = calls[index]!;
      if (index % 20 === 5 || index % 20 === 15) {
        expect(result.status).toBe("rejected");
        expect(await engine.read(id, reader)).toBeNull();
        if (index % 20 === 15) expect(result).toMatchObject({ reason: { _tag: "IdempotencyConflict" } });
      } else {
        expect(result).toMatchObject({ status: "fulfilled", value: { id, created: true } });
      }
    }
    const claimed = await engine.claim({ ...claimOne, limit: 100 });
    expect(claimed.map(({ id }) => id).sort()).toEqual(
      [taken.id, ...calls.filter((_, index) => ![5, 15].includes(index % 20)).map(({ id }) => id)].sort(),
    );
  });

  test("and cannot be settled, is refused alone: a lost lease, an output that cannot be kept", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await Promise.all(Array.from({ length: 30 }, () => engine.accept(newCall())));
    const calls = await engine.claim({ ...claimOne, limit: 30 });
    const settled = await Promise.allSettled(
      calls.map((call, index) => {
        if (index % 10 === 3) return engine.settle({ ...call, attempt: call.attempt + 1 }, { type: "succeeded", output: "1" });
        return engine.settle(call, { type: "succeeded", output: index % 10 === 6 ? poison : "1" });
      }),
    );
    for (const [index, result] of settled.entries()) {
      const record = await engine.read(calls[index]!.id, reader);
      if (index % 10 === 3) expect(result).toMatchObject({ status: "fulfilled", value: "stale" });
      else if (index % 10 === 6) expect(result.status).toBe("rejected");
      else expect(result).toMatchObject({ status: "fulfilled", value: "settled" });
      expect(record?.state).toBe(index % 10 === 3 || index % 10 === 6 ? "running" : "succeeded");
    }
  });
});

describe("calls that are more than Postgres takes at once", () => {
  test("wait up to 64 MiB of them; the others are refused, and nothing of these is kept", async () => {
    await using fixture = await ledgerFixture();
    const engine = fixture.engine();
    await engine.start();
    const calls = Array.from({ length: 100 }, () => newCall({ input: JSON.stringify(megabyte) }));
    const accepted = await Promise.allSettled(calls.map((call) => engine.accept(call)));
    const refused = accepted.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(20);
    expect(refused.length).toBeLessThan(40);
    for (const [index, result] of accepted.entries()) {
      const record = await engine.read(calls[index]!.id, reader);
      expect(record === null).toBe(result.status === "rejected");
      if (result.status === "rejected")
        expect(result.reason).toMatchObject({
          _tag: "EngineFull",
          message: "Calls of 64 MiB wait to be written by this process already; start fewer at once, or try again later.",
        });
    }
    // There is room again.
    expect(await engine.accept(newCall())).toMatchObject({ created: true });
  });
});
