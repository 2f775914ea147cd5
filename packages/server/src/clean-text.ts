/**
 * A text that every store and terminal takes: cut to a length, without U+0000 and half surrogate pairs, without control
 * characters but line breaks and tabs.
 */
export function cleanText(text: string, maxChars: number): string {
  // Cut first: the text may have fifty million characters.
  const cut = text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return cut.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "\ufffd");
}

/** The same for every string and key of a JSON value. */
export function cleanJson(value: unknown): unknown {
  if (typeof value === "string") return cleanText(value, Number.POSITIVE_INFINITY);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key, Number.POSITIVE_INFINITY), cleanJson(inner)]));
}
