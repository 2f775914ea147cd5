/**
 * The shortest way from one text to another, line by line: `- ` before a line that goes, `+ ` before one that comes, two spaces
 * before one that stays.
 */
export function diffLines(before: string, after: string): string[] {
  const [from, to] = [before.split("\n"), after.split("\n")];
  // kept[i][j]: how many lines can stay of from[i…] and to[j…].
  const kept = Array.from({ length: from.length + 1 }, () => Array.from({ length: to.length + 1 }, () => 0));
  const at = (i: number, j: number): number => kept[i]?.[j] ?? 0;
  for (let i = from.length - 1; i >= 0; i -= 1) {
    for (let j = to.length - 1; j >= 0; j -= 1) {
      (kept[i] as number[])[j] = from[i] === to[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    if (i < from.length && j < to.length && from[i] === to[j]) {
      lines.push(`  ${from[i]}`.trimEnd());
      i += 1;
      j += 1;
    } else if (i < from.length && (j === to.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`- ${from[i]}`.trimEnd());
      i += 1;
    } else {
      lines.push(`+ ${to[j]}`.trimEnd());
      j += 1;
    }
  }
  return lines;
}
