/** How far something is. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** `██████░░░░  60 %`: always as wide, so that what stands behind it does not move. */
export function progressBar({ done, total }: Progress, width = 30): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  // Full only at the end: 99.9 % of the work is not all of it.
  const filled = Math.floor(share * width);
  const percent = Math.floor(share * 100);
  return `${"█".repeat(filled)}${"░".repeat(width - filled)} ${String(percent).padStart(3)} %`;
}
