/**
 * Reads comma-separated values as RFC 4180 has them: quoted fields may hold commas, line breaks and doubled quotes.
 *
 * @returns one object a record, keyed by the names in the header line.
 * @throws {SyntaxError} for a record with more or fewer fields than the header, and for a quote that never ends.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const [header = [], ...records] = recordsOf(text);
  return records.map((fields, index) => {
    if (fields.length !== header.length)
      throw new SyntaxError(`Record ${index + 1} has ${fields.length} fields, and the header ${header.length}.`);
    return Object.fromEntries(header.map((name, column) => [name, fields[column]!]));
  });
}

/** A field, quoted or not, and what ends it. It matches at every position: what it cannot read is an unquoted field with a quote in it. */
const fieldPattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function recordsOf(text: string): string[][] {
  const records: string[][] = [];
  let fields: string[] = [];
  for (let at = 0; at < text.length;) {
    fieldPattern.lastIndex = at;
    const match = fieldPattern.exec(text);
    if (match === null) throw new SyntaxError(`A quote at or behind character ${at} neither begins a field nor ends one.`);
    const [whole, quoted, plain = "", end] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += whole.length;
    // A comma at the very end of the text begins one more field, which is empty.
    if (end === "," && at === text.length) fields.push("");
    if (end === "," && at < text.length) continue;
    records.push(fields);
    fields = [];
  }
  return records;
}
