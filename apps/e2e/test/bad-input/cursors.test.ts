/** Cursors that no client would send, over HTTP and Postgres: a typed refusal or the call's events, never an error of the server. */
import { expect, test } from "vitest";
import { runHostileApplication } from "./hostile-application.ts";

const values = 5_000;

/** Numbers from 0 up to 1, the same each time. */
function randomly(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** A cursor as somebody hostile, careless or old would send it. */
function hostileCursor(random: () => number, id: string): string {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const number = pick([
    () => String(Math.floor(random() * 10)),
    () => String(Math.floor(random() * 2 ** 53)),
    () => `-${Math.floor(random() * 10)}`,
    () => "9".repeat(Math.floor(random() * 40)),
    () =>
      pick([
        "",
        "NaN",
        "Infinity",
        "1e3",
        "0x1",
        " 1",
        "1 ",
        "+1",
        "1.5",
        "٣",
        "2147483647",
        "2147483648",
        "9007199254740992",
        "1;select 1",
      ]),
  ])();
  const name = pick([
    () => id,
    () => id.toUpperCase(),
    () => id.slice(0, Math.floor(random() * 36)),
    () => "00000000-0000-4000-8000-000000000000",
    () => pick(["", "__proto__", "' or 1=1 --", "%00", "null", "[object Object]", "x".repeat(500)]),
  ])();
  return pick([() => `${name}:${number}`, () => `${name}${number}`, () => `${name}:${number}:${number}`, () => number, () => name])();
}

test("5,000 cursors of every kind are answered or refused, each at the cost of one read at most", async () => {
  await using app = await runHostileApplication({ listen: true });
  const handle = await app.defer.echo({ text: "one" });
  await handle.result();
  const random = randomly(20_011_122);
  const input = encodeURIComponent(JSON.stringify({ calls: [{ id: handle.id }] }));
  const seen = { answered: 0, unknown: 0, refused: 0 };
  /** The header, or the field of the input that a link sends in its stead. */
  const ask = async (inHeader: boolean): Promise<void> => {
    const cursor = hostileCursor(random, handle.id);
    // A header holds no more than Latin-1.
    const header = inHeader ? { "last-event-id": cursor.replace(/[^\x20-\xff]/g, "?") } : {};
    const own = inHeader ? input : encodeURIComponent(JSON.stringify({ calls: [{ id: handle.id }], lastEventId: cursor }));
    const response = await fetch(`${app.url}/calls.watch?input=${own}`, { headers: { accept: "text/event-stream", ...header } });
    const text = await response.text();
    expect(response.status, cursor).toBeLessThan(500);
    if (text.includes('"BAD_REQUEST"')) seen.refused += 1;
    else if (text.includes("UNKNOWN_CURSOR")) seen.unknown += 1;
    else if (text.includes("event: return")) seen.answered += 1;
    else throw new Error(`${cursor} was answered with ${response.status} ${text}`);
    expect(text, cursor).not.toContain("INTERNAL_SERVER_ERROR");
  };
  const before = await readsOf(app);
  for (let done = 0; done < values; done += 20) await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index % 2 === 0)));
  expect(seen.answered).toBeGreaterThan(20);
  expect(seen.unknown).toBeGreaterThan(20);
  expect(seen.refused).toBeGreaterThan(1_000);
  expect(seen.answered + seen.unknown + seen.refused).toBe(values);
  // Of the calls' table one row for each that was not refused, and what the engine itself looks at.
  expect((await readsOf(app)) - before).toBeLessThan(3 * values);
  await expect(handle.result()).resolves.toBe("one");
});

/** Rows that were read of the calls' table, by whatever way. */
async function readsOf(app: { readonly sql: import("postgres").Sql; readonly schema: string }): Promise<number> {
  const [row] = await app.sql<{ read: number }[]>`
    select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
    from pg_stat_user_tables where schemaname = ${app.schema} and relname = 'call'`;
  return row?.read ?? 0;
}
