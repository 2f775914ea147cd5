/** `20,000`. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** `1 row`, `2 rows`; `1 crash`, `2 crashes`. */
export function plural(value: number, noun: string, nouns = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

/** Milliseconds as `3.9 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
