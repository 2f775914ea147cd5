/** What a check found wrong; one line each, saying where, what and the mend. Empty: all is well. */
export type Problems = readonly string[];

/** Prints a check's problems and sets the exit code: the end of each `check-*.ts` that is run by itself. */
export function report(name: string, problems: Problems): void {
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? `${name}: all is well` : `${name}: ${problems.length} to mend`);
  if (problems.length > 0) process.exitCode = 1;
}
