import type { TerminalState } from "@raincheck/client";
import type { ImportAudit } from "../flights/audit-import.ts";
import { count, plural } from "./figures.ts";

const ends: readonly string[] = ["succeeded", "failed", "cancelled", "expired"] satisfies TerminalState[];

/** What is really in the database of one import, as facts with their names. */
export function auditFacts({ flights, imports, attempts, crashes, events }: ImportAudit): [name: string, fact: string][] {
  const terminal = events.filter(({ type }) => ends.includes(type));
  return [
    ["rows in the table", `${count(flights)} flights of ${plural(imports, "import")}`],
    ["attempts", `${count(attempts)}, of which ${plural(crashes, "crash", "crashes")}`],
    ["events", events.map((one) => `${one.type} ${one.count}`).join(", ")],
    ["terminal events", `${terminal.reduce((sum, one) => sum + one.count, 0)} (${terminal.map(({ type }) => type).join(", ")})`],
  ];
}
