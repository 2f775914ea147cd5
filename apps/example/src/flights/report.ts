import { z } from "zod";

/** From how many minutes of delay on a flight counts as late: more than these. The airlines' own measure. */
export const lateAfterMinutes = 15;

/** Input of `flights.report`. */
export const ReportInput = z.object({
  /** Which import; see `flights.imports`. */
  importId: z.uuid(),
  /** How many rows at most, the busiest first. Default 15. */
  top: z.int().min(1).max(10_000).default(15),
});

/** One airport in one hour of the day, over all days. */
export const ReportRow = z.object({
  /** The IATA code of the origin; `null` in a dataset without airports. */
  airport: z.string().nullable(),
  /** `Dallas-Fort Worth, TX`; `null` in a dataset without airports. */
  place: z.string().nullable(),
  /** From 0 to 23: 17 is from 17:00 to 17:59. */
  hour: z.int().min(0).max(23),
  flights: z.int().positive(),
  /** Early flights count below zero. */
  meanDelayMinutes: z.number(),
  /** From 0 to 1. */
  lateShare: z.number().min(0).max(1),
  /** The delays of all delayed flights together. */
  delayMinutes: z.int().min(0),
});

/** See the schema of the same name. */
export type ReportRow = z.infer<typeof ReportRow>;

/** Output of `flights.report`. */
export const Report = z.object({
  importId: z.uuid(),
  /** Of the whole import. */
  flights: z.int().min(0),
  /** How many airports and hours there are, of which `rows` are the busiest. */
  groups: z.int().min(0),
  rows: z.array(ReportRow),
});

/** See the schema of the same name. */
export type Report = z.infer<typeof Report>;
