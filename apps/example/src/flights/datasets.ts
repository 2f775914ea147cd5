import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** A file of flights, by its name in the npm package `vega-datasets`. */
export const DatasetName = z.enum(["flights-20k", "flights-200k"]);

/** See {@link DatasetName}. */
export type DatasetName = z.infer<typeof DatasetName>;

/** How many flights each file holds. */
export const datasetFlights: Readonly<Record<DatasetName, number>> = { "flights-20k": 20_000, "flights-200k": 200_000 };

/** Where a file of `vega-datasets` lies, such as `airports.csv`. */
export function datasetFile(name: string): string {
  // The package exports its module only; its data lies beside it.
  const packageDirectory = dirname(dirname(fileURLToPath(import.meta.resolve("vega-datasets"))));
  return join(packageDirectory, "data", name);
}
