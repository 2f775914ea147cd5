import postgres from "postgres";
import { expect, inject, onTestFinished, test } from "vitest";
import { faultProxy } from "../../../../tooling/vitest/fault-proxy.ts";
import { noArrayTypes } from "../../src/postgres/sessions/array-types.ts";
import { atStart } from "../../src/postgres/sessions/connections.ts";
import { newCall } from "../new-call.ts";
import { ledgerFixture } from "./ledger-fixture.ts";

/** Arrays with what postgres.js itself makes of them. */
const samples: readonly (readonly [string, unknown])[] = [
  ["text[]", ['"', "\\", "a b", "", "{x}", "ä,ö"]],
  [
    "int[]",
    [
      [1, 2],
      [3, 4],
    ],
  ],
  ["int8[]", ["9007199254740993"]],
  ["float8[]", [1.5, -0.25]],
  ["uuid[]", ["00000000-0000-0000-0000-000000000001"]],
  ["text[]", []],
];

test("arrays are read and written as postgres.js does that has asked for the types itself", async () => {
  const url = inject("postgresUrl");
  await using opened = new AsyncDisposableStack();
  const theirs = opened.adopt(postgres(url, { max: 1 }), (sql) => sql.end({ timeout: 1 }));
  await atStart(url, async (ours) => {
    for (const [type, value] of samples) {
      const text = `select $1::${type} as value, array_dims($1::${type}) as dims`;
      const [row] = await ours.unsafe(text, [value] as never[]);
      expect(row, type).toEqual((await theirs.unsafe(text, [value] as never[]))[0]);
      expect(row?.["value"], type).toEqual(value);
    }
    // postgres.js sends arrays of these as if they were no arrays.
    const read =
      "select '{t,f}'::bool[] as a, array['1970-01-01Z'::timestamptz] as b, array['\\x00ff'::bytea] as c, array['{\"d\":[1]}'::jsonb] as d";
    const [row] = await ours.unsafe(read);
    expect(row).toEqual({ a: [true, false], b: [new Date(0)], c: [Buffer.from([0, 255])], d: [{ d: [1] }] });
    expect(row).toEqual((await theirs.unsafe(read))[0]);
    // Which postgres.js reads as "NULL".
    const [nulls] = await ours`select ${[null, "NULL", "null"]}::text[] as value`;
    expect(nulls?.["value"]).toEqual([null, "NULL", "null"]);
  });
});

test("a session that is to learn them knows none", () => {
  expect(noArrayTypes).toEqual({ parsers: {}, serializers: {} });
});

test("a connection that breaks while the types are asked for is told as unavailable, and nothing is rejected unheard", async () => {
  await using fixture = await ledgerFixture();
  await using proxy = await faultProxy(fixture.url);
  await fixture.engine().start();
  const unheard: unknown[] = [];
  const hear = (error: unknown) => void unheard.push(error);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  const engine = fixture.engine({ url: proxy.url });
  const cut = proxy.loseAnswerTo("typdelim", "reset");
  await expect(engine.accept(newCall())).rejects.toMatchObject({ _tag: "EngineUnavailable" });
  await cut;
  expect(await engine.accept(newCall())).toMatchObject({ created: true });
  expect(unheard).toEqual([]);
});
