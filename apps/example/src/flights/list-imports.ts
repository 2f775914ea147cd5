import { transaction } from "../database.ts";
import { exampleSchema } from "../settings.ts";
import type { DatasetName } from "./datasets.ts";

/** One import, as `flights.imports` lists it. */
export interface ListedImport {
  readonly importId: string;
  readonly dataset: DatasetName;
  readonly importedBy: string;
  readonly flights: number;
  /** ISO 8601. */
  readonly committedAt: string;
}

interface ImportRow {
  readonly id: string;
  readonly dataset: DatasetName;
  readonly imported_by: string;
  readonly flights: number;
  readonly committed_at: Date;
}

/** The latest 20 imports of all users, the newest first. */
export async function listImports(): Promise<ListedImport[]> {
  const rows = await transaction(
    (sql) => sql<ImportRow[]>`
      select id, dataset, imported_by, flights, committed_at from ${sql(exampleSchema)}.import order by committed_at desc limit 20`,
  );
  return rows.map(({ id, dataset, imported_by, flights, committed_at }) => ({
    importId: id,
    dataset,
    importedBy: imported_by,
    flights,
    committedAt: committed_at.toISOString(),
  }));
}
