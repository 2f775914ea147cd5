/** A process of the application: a worker, or one that starts calls when it is told to. It ends when its parent lets it go. */
import { runWorker } from "@raincheck/worker";
import { type Release, makeApplication } from "./application.ts";
import type { Order, Told } from "./spawn.ts";

const [role, release, url, schema, options = "{}"] = process.argv.slice(2) as ["worker" | "starter", Release, string, string, string?];
const { raincheck, router, engine } = makeApplication(release, { url, schema });
const tell = (told: Told): void => void process.send?.(told);

if (role === "worker") {
  const worker = await runWorker({ raincheck, log: () => {}, ...(JSON.parse(options) as object) });
  process.once("disconnect", () => void worker.stop().then(() => engine.stop()));
} else {
  await engine.start();
  process.on("message", async ({ path, input, options: start }: Order) => {
    const handle = await raincheck.start(router[path], input as never, { ctx: {}, ...start });
    tell({ type: "started", id: handle.id });
  });
  process.once("disconnect", () => void engine.stop());
}
tell({ type: "ready", now: Date.now() });
