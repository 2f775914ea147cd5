import { connect } from "../connect.ts";
import { auditFacts } from "../terminal/audit-facts.ts";
import { seconds } from "../terminal/figures.ts";
import { followImport } from "../terminal/follow-import.ts";
import { printFacts } from "../terminal/print-facts.ts";
import { printReport } from "../terminal/print-report.ts";
import type { Screen } from "../terminal/screen.ts";
import { beginTimeline } from "../terminal/timeline.ts";
import { HalfwayKill } from "./halfway-kill.ts";
import { runBilling } from "./run-billing.ts";
import type { Processes } from "./start-processes.ts";

/** What {@link tellStory} is told. */
export interface TellStoryOptions {
  readonly processes: Processes;
  readonly screen: Screen;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** After each of 40 chunks: 4 seconds, long enough to kill a worker half-way, and short enough to watch twice. */
const paceMs = 100;

/** Imports flights as any client would, with a worker killed half-way; then reports, counts and bills. */
export async function tellStory({ processes, screen, environment, signal }: TellStoryOptions): Promise<void> {
  const { url, tokens } = processes.connection;
  const { trpc, defer } = connect({ url, token: tokens.terminal });

  screen.print(
    "",
    `${screen.style("bold", "An import whose worker is killed")}  ${screen.style("dim", `flights.import {"dataset":"flights-20k"}`)}`,
    "",
  );
  const timeline = beginTimeline(screen);
  const kill = new HalfwayKill({ workers: processes.workers, timeline });
  const handle = await defer.flights.import({ dataset: "flights-20k", paceMs }, { signal });
  const imported = await followImport(handle, { screen, timeline, onEvent: (event, progress) => kill.see(event, progress), signal });
  const importMs = timeline.elapsedMs();
  const { importId } = imported;

  // At the call site it looks as ever; `mode` alone makes it a deferred call.
  printReport(screen, await trpc.flights.report.query({ importId }, { context: { mode: "async" }, signal }));

  const audit = await trpc.flights.audit.query({ importId }, { signal });
  printFacts(screen, "What happened, counted in the tables", [
    ...auditFacts(audit),
    [
      "SIGKILL to attempt 2",
      kill.restartedAfterMs === null ? "the import ended before its worker was killed" : seconds(kill.restartedAfterMs),
    ],
    ["the import in all", seconds(importMs)],
    [
      "distances checked",
      `${imported.checkedDistances.toLocaleString("en")} against airports.csv, the farthest off by ${imported.farthestOffMiles?.toFixed(1)} miles`,
    ],
  ]);

  screen.print("", `${screen.style("bold", "A second service over HTTP")}  ${screen.style("dim", "apps/example/src/billing")}`, "");
  await runBilling({ connection: processes.connection, environment, screen, signal });
}
