/** Postgres away, seen from the API: what HTTP answers, what becomes of the calls, what it costs. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { expect, test } from "vitest";
import { historyOf, livenessFixture } from "./liveness-fixture.ts";

/** How long Postgres is away. */
const awayMs = 5_000;
/** Starts at once. */
const clients = 4;
const patience = { timeout: 30_000, interval: 20 };

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly retryAfterMs: unknown;
  /** Of the call, when it was accepted. */
  readonly id: string | null;
  readonly atMs: number;
  readonly tookMs: number;
}

test("while Postgres is away starts are refused soon, and nothing is lost", async () => {
  await using fixture = await livenessFixture({ isApart: false });
  const { app, proxy, sql, schema } = fixture;
  const worker = await fixture.worker({ concurrency: 8 });
  await using serving = new AsyncDisposableStack();
  const { raincheck, router } = app;
  const server = createHTTPServer({
    router,
    createContext: ({ req }) => ({ user: "ada", ...raincheck.http(req) }),
    responseMeta: (options) => raincheck.responseMeta(options),
  });
  serving.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/quick`;

  const start = async (): Promise<Answer> => {
    const beginMs = performance.now();
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "respond-async" },
      body: JSON.stringify({ ms: 1 }),
    });
    const body = (await response.json()) as { result?: { data: { id: string } }; error?: { data: { retryAfterMs?: unknown } } };
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      retryAfterMs: body.error?.data.retryAfterMs,
      id: body.result?.data.id ?? null,
      atMs: beginMs,
      tookMs: performance.now() - beginMs,
    };
  };
  const answers: Answer[] = [];
  let isOver = false;
  const client = async () => {
    while (!isOver) answers.push(await start());
  };

  const before = Array.from({ length: clients }, client);
  await expect.poll(() => answers.length, patience).toBeGreaterThan(200);
  // Ends while Postgres is away.
  const finishing = await raincheck.start(router.wait, { ms: 1_500 }, { ctx: { user: "ada" } });
  await worker.told("waiting");
  const heapBefore = heapBytes();
  const goneMs = performance.now();
  await proxy.stop();
  await expect.poll(() => performance.now() - goneMs, { ...patience, timeout: awayMs + 10_000 }).toBeGreaterThan(awayMs);
  const heapAfter = heapBytes();
  const backMs = performance.now();
  await proxy.restart();
  await expect.poll(() => answers.some(({ status, atMs }) => status === 202 && atMs > backMs), patience).toBe(true);
  isOver = true;
  await Promise.all(before);

  const away = answers.filter(({ atMs }) => atMs > goneMs && atMs < backMs);
  const tookMs = away.map((answer) => answer.tookMs).toSorted((a, b) => a - b);
  const refused = answers.filter(({ status }) => status === 503);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 503]));
  expect(refused.length).toBeGreaterThan(100);
  expect(new Set(refused.map(({ retryAfter, retryAfterMs }) => `${retryAfter} s, ${String(retryAfterMs)} ms`))).toEqual(
    new Set(["1 s, 1000 ms"]),
  );
  expect(tookMs[Math.floor(tookMs.length * 0.99)]).toBeLessThan(2_000);
  expect(heapAfter - heapBefore).toBeLessThan(20 * 1_048_576);

  // The worker had its result, and the lease had not ended: nothing of it is done again.
  expect(await finishing.result()).toBe(1_500);
  expect(await historyOf(fixture, finishing.id)).toBe("queued started succeeded");
  // Every call that was accepted is there, and each that is there ends.
  const accepted = answers.flatMap(({ id }) => (id === null ? [] : [id]));
  const openOnes = () => sql`select id from ${sql(schema)}.call where state in ('queued', 'running')`;
  await expect.poll(openOnes, patience).toHaveLength(0);
  const kept = await sql<{ id: string }[]>`select id from ${sql(schema)}.call where id = any(${accepted}::uuid[]) and state = 'succeeded'`;
  expect(kept).toHaveLength(accepted.length);
  const backAt = new Date(Date.now() - (performance.now() - backMs));
  // The first call that began after the return.
  const [first] = await sql<{ afterMs: number }[]>`
    select extract(epoch from min(at) - ${backAt}::timestamptz)::float8 * 1000 as "afterMs"
    from ${sql(schema)}.call_event where type = 'started' and at > ${backAt}::timestamptz`;
  expect(first?.afterMs).toBeLessThan(2_000);
});
