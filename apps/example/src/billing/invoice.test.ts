import { expect, test } from "vitest";
import type { ReportRow } from "../flights/report.ts";
import { centsPerMinute, makeInvoice } from "./invoice.ts";

const row = (airport: string | null, delayMinutes: number): ReportRow => ({
  airport,
  place: airport === null ? null : `${airport} City`,
  hour: 7,
  flights: 2,
  meanDelayMinutes: 0,
  lateShare: 0,
  delayMinutes,
});

test("adds up the hours of each airport, the largest sum first", () => {
  const invoice = makeInvoice([row("AAA", 10), row("BBB", 25), row("AAA", 5), row("CCC", 0)]);
  expect(invoice.lines.map(({ airport, flights, delayMinutes, cents }) => [airport, flights, delayMinutes, cents])).toEqual([
    ["BBB", 2, 25, 25 * centsPerMinute],
    ["AAA", 4, 15, 15 * centsPerMinute],
    ["CCC", 2, 0, 0],
  ]);
  expect(invoice).toMatchObject({ delayMinutes: 40, cents: 40 * centsPerMinute });
});

test("bills nobody for flights without an airport", () => {
  expect(makeInvoice([row(null, 100)])).toEqual({ lines: [], delayMinutes: 0, cents: 0 });
});
