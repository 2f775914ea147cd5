import type { Report } from "../flights/report.ts";
import { count } from "./figures.ts";
import { reportTable } from "./report-table.ts";
import type { Screen } from "./screen.ts";

/** Prints the report of `flights.report`. */
export function printReport(screen: Screen, report: Report): void {
  const [header = "", rule = "", ...rows] = reportTable(report);
  screen.print(
    "",
    `${screen.style("bold", "Delays by airport and hour of the day")}  ${screen.style("dim", "flights.report")}`,
    "",
    `  ${screen.style("bold", header)}`,
    `  ${screen.style("dim", rule)}`,
    ...rows.map((row) => `  ${row}`),
    screen.style("dim", `  the busiest ${report.rows.length} of ${count(report.groups)} hours, of ${count(report.flights)} flights`),
  );
}
