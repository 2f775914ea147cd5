/** A column of a {@link table}. */
export interface Column {
  readonly title: string;
  /** Default `left`. Figures stand right, so that they can be compared. */
  readonly align?: "left" | "right";
}

/** A table as lines: the header, a rule, the rows. Columns are as wide as their widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const lineOf = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? "";
        return align === "right" ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!);
      })
      .join("  ")
      .trimEnd();
  return [lineOf(columns.map(({ title }) => title)), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(lineOf)];
}
