import { type Report, lateAfterMinutes } from "../flights/report.ts";
import { count } from "./figures.ts";
import { table } from "./table.ts";

/** The report of `flights.report` as lines of a table. */
export function reportTable({ rows }: Report): string[] {
  return table(
    [
      { title: "Airport" },
      { title: "Place" },
      { title: "Hour" },
      { title: "Flights", align: "right" },
      { title: "Mean delay", align: "right" },
      { title: `Later than ${lateAfterMinutes} min`, align: "right" },
      { title: "Delay in all", align: "right" },
    ],
    rows.map((row) => [
      row.airport ?? "all",
      row.place ?? "",
      `${String(row.hour).padStart(2, "0")}:00`,
      count(row.flights),
      `${row.meanDelayMinutes.toFixed(1)} min`,
      `${(row.lateShare * 100).toFixed(0)} %`,
      `${count(row.delayMinutes)} min`,
    ]),
  );
}
