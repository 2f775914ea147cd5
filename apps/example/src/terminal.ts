/** A terminal program: imports flights by a deferred call, shows its progress, and prints the report. */
import { connectAs } from "./connect-as.ts";
import { DatasetName, datasetFlights } from "./flights/datasets.ts";
import { auditFacts } from "./terminal/audit-facts.ts";
import { followImport } from "./terminal/follow-import.ts";
import { printFacts } from "./terminal/print-facts.ts";
import { printReport } from "./terminal/print-report.ts";
import { openScreen } from "./terminal/screen.ts";
import { beginTimeline } from "./terminal/timeline.ts";
import { Trouble, runProgram } from "./trouble.ts";

await runProgram(async () => {
  const dataset = readDataset(process.argv.slice(2));
  const { trpc, defer } = await connectAs("terminal");
  const screen = openScreen();
  const timeline = beginTimeline(screen);

  const handle = await defer.flights.import({ dataset });
  const { importId } = await followImport(handle, { screen, timeline });
  // At the call site it looks as ever; `mode` alone makes it a deferred call.
  printReport(screen, await trpc.flights.report.query({ importId }, { context: { mode: "async" } }));
  printFacts(screen, "What is in the database now", auditFacts(await trpc.flights.audit.query({ importId })));
});

function readDataset([name = "flights-20k", ...others]: readonly string[]): DatasetName {
  const dataset = DatasetName.safeParse(name);
  if (dataset.success && others.length === 0) return dataset.data;
  throw new Trouble(
    `Expected the name of one dataset, ${Object.keys(datasetFlights).join(" or ")}, and not ${JSON.stringify([name, ...others].join(" "))}.`,
  );
}
