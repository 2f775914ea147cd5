import { hasTag } from "@raincheck/protocol";

/** What a person at a terminal has to know: one sentence with what was wrong, with which value, and the mend. */
export class Trouble extends Error {
  readonly _tag = "Trouble";

  constructor(sentence: string, options: { cause?: unknown } = {}) {
    super(sentence, options);
    this.name = "Trouble";
  }
}

/** What to print of an error: one sentence, where the error was made for people; the error with its stack, where it is a fault. */
export function describeTrouble(error: unknown): string {
  if (hasTag(error, "Trouble") || hasTag(error, "InvalidOption")) return error.message;
  if (hasTag(error, "EngineSetupError")) return describeSetup(error);
  if (hasTag(error, "EngineUnavailable")) return describeUnavailable(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The code of an error of the system, such as `ECONNREFUSED`; else what it says. */
export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
}

function describeSetup({ message }: Error): string {
  const url = process.env["DATABASE_URL"] ?? "";
  if (url === "") return message;
  if (!/^postgres(?:ql)?:/.test(url) || !URL.canParse(url))
    return "DATABASE_URL is no Postgres connection string: expected postgres://user:password@host:port/database.";
  return `DATABASE_URL cannot be used: ${message.replace(/^(?:No|The) /, (word) => word.toLowerCase())}`;
}

function describeUnavailable(error: Error): string {
  const where = databaseHost();
  const code = codeOf(error.cause);
  if (where === null) return `The embedded Postgres does not answer (${code}): run this again.`;
  return `No Postgres answers at ${where} (${code}): start it, correct DATABASE_URL, or unset DATABASE_URL to use the embedded one.`;
}

/** Host and port of `DATABASE_URL`, without its password. */
function databaseHost(): string | null {
  const url = process.env["DATABASE_URL"] ?? "";
  return URL.canParse(url) ? new URL(url).host : null;
}

/**
 * Runs a program: when it fails, one sentence goes to stderr and the exit code is 1.
 *
 * It does not end the process: what the program leaves open keeps it alive, and would be a fault that shows.
 */
export async function runProgram(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    process.stderr.write(`${describeTrouble(error)}\n`);
    process.exitCode = 1;
  }
}
