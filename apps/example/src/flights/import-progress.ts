import { z } from "zod";

/** What `flights.import` tells while it runs. Clients read it with this schema: progress is whatever a resolver sends. */
export const ImportProgress = z.object({
  /** Flights read and checked so far. */
  done: z.int().min(0),
  total: z.int().positive(),
  /** For people. */
  message: z.string(),
  /** The name of the process that runs the attempt. */
  worker: z.string(),
});

/** See the schema of the same name. */
export type ImportProgress = z.infer<typeof ImportProgress>;
