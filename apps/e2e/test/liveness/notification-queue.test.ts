/** A session that listens and never reads: what it holds up, and what it does not. */
import { postgresEngine } from "@raincheck/engine/postgres";
import { runWorker } from "@raincheck/worker";
import postgres from "postgres";
import { expect, test } from "vitest";
import { startPostgres } from "../../src/chaos/world/postgres-server.ts";
import { application } from "./application.ts";

const ctx = { user: "ada" };

test(
  "while the server's queue of notifications is full, calls are accepted, in the caller's transaction too, and go on by the poll",
  {
    timeout: 60_000,
  },
  async () => {
    // The smallest queue there is: half a megabyte instead of eight gigabytes.
    await using server = await startPostgres({ max_notify_queue_pages: "64" });
    await using opened = new AsyncDisposableStack();
    const sql = opened.adopt(postgres(server.url, { max: 3, onnotice: () => undefined }), (one) => one.end({ timeout: 1 }));
    const engine = opened.adopt(postgresEngine({ url: server.url }), (one) => one.stop());
    const { raincheck, router } = application(engine);
    opened.use(await runWorker({ raincheck, signals: false }));
    const succeeds = async (id: string) =>
      expect.poll(async () => (await engine.read(id, { principal: ctx.user }))?.state, { timeout: 15_000, interval: 50 }).toBe("succeeded");
    await succeeds((await raincheck.start(router.quick, { ms: 7 }, { ctx })).id);

    const reader = await sql.reserve();
    await reader`listen elsewhere`;
    await reader`begin`;
    await reader`select 1`;
    const fill = async (): Promise<never> => {
      for (let sent = 0; ; sent += 1) await sql`select pg_notify('elsewhere', ${`${sent} ${"x".repeat(7_000)}`})`;
    };
    await expect(fill()).rejects.toMatchObject({ message: "too many notifications in the NOTIFY queue" });

    await succeeds((await raincheck.start(router.quick, { ms: 8 }, { ctx })).id);
    await succeeds((await sql.begin((transaction) => raincheck.start(router.quick, { ms: 9 }, { ctx, transaction }))).id);
    const [usage] = await sql<{ usage: number }[]>`select pg_notification_queue_usage() as usage`;
    expect(usage!.usage).toBeGreaterThan(0.9);

    await reader`rollback`;
    reader.release();
    await succeeds((await raincheck.start(router.quick, { ms: 10 }, { ctx })).id);
  },
);
