/**
 * A process that opens the embedded Postgres of the directory in its first argument, tells its parent, and then does what it is told.
 *
 * It has no signal handlers, and once it has let go of its parent nothing keeps it running.
 */
import { openEmbeddedPostgres } from "../../src/embedded/index.ts";
import { hasTag } from "@raincheck/protocol";
import type { Order, Report } from "./user.ts";

const tell = (report: Report): void => void process.send?.(report);

try {
  const postgres = await openEmbeddedPostgres({ directory: process.argv[2] ?? "", log: (line) => tell({ type: "log", line }) });
  process.on("message", (order: Order) => {
    if (order === "close") void postgres.close().then(() => tell({ type: "closed" }));
    else if (order === "end by itself") process.disconnect();
    else if (order === "exit") process.exit(0);
    else if (order === "throw") setImmediate(() => fail());
  });
  tell({ type: "open", url: postgres.url });
} catch (error) {
  tell({
    type: "refused",
    tag: hasTag(error, "EngineSetupError") ? error._tag : null,
    message: error instanceof Error ? error.message : String(error),
  });
  process.disconnect();
}

function fail(): never {
  throw new Error("nobody catches this");
}
