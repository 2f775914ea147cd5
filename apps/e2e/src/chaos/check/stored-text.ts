/** Reading payloads as the ledger has them: JSON in the envelope of the procedure's codec. */

/** The JSON of a stored payload. */
export function jsonOf(stored: string): string {
  return stored.replace(/^~\d+[a-z]/, "");
}

/** Whether what was told, as JSON, is what is stored; null: nothing is. */
export function isSameValue(told: string, stored: string | null): boolean {
  return stored === null ? told === "null" : canonical(told) === canonical(jsonOf(stored));
}

function canonical(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}
