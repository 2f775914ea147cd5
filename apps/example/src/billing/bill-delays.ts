/**
 * A second service: it bills each airport for its delays. It shares nothing with the API but the type of its router, and asks for
 * the report over HTTP, as a deferred call with a key of its own: run again, it gets the same call and the same figures.
 */
import { connectAs } from "../connect-as.ts";
import { count } from "../terminal/figures.ts";
import { openScreen } from "../terminal/screen.ts";
import { table } from "../terminal/table.ts";
import { Trouble, runProgram } from "../trouble.ts";
import { type InvoiceLine, centsPerMinute, makeInvoice } from "./invoice.ts";

const dollars = (cents: number) => (cents / 100).toLocaleString("en", { style: "currency", currency: "USD" });
/** Lines that are printed. */
const shownLines = 5;
/** The most that `flights.report` gives: all airports in all hours. */
const allRows = 10_000;

await runProgram(async () => {
  const screen = openScreen();
  const { trpc, defer } = await connectAs("billing");
  const imports = await trpc.flights.imports.query();
  const latest = imports.find(({ dataset }) => dataset === "flights-20k");
  if (latest === undefined) throw new Trouble("There is nothing to bill yet: import flights-20k first, as `npm start` does.");

  const input = { importId: latest.importId, top: allRows };
  const first = await defer.flights.report.within("2 seconds", input, { idempotencyKey: `invoice of ${latest.importId}` });
  if (!first.done) screen.print(`The report takes longer; it will be collected as call ${first.handle.id}.`);
  const report = first.done ? first.output : await first.handle.result();

  const { lines, delayMinutes, cents } = makeInvoice(report.rows);
  screen.print(
    `${count(lines.length)} airports owe ${dollars(cents)} for ${count(delayMinutes)} minutes of delay, at ${dollars(centsPerMinute)} a minute:`,
    "",
    ...table(
      [
        { title: "Airport" },
        { title: "Place" },
        { title: "Flights", align: "right" },
        { title: "Minutes", align: "right" },
        { title: "Owes", align: "right" },
      ],
      lines.slice(0, shownLines).map(cellsOf),
    ),
  );
});

function cellsOf({ airport, place, flights, delayMinutes, cents }: InvoiceLine): string[] {
  return [airport, place, count(flights), count(delayMinutes), dollars(cents)];
}
