import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { readPort } from "../read-port.ts";
import { Trouble } from "../trouble.ts";

/** What `npm start` was told. */
export interface StartOptions {
  /** Print the help, and do nothing else. */
  readonly help: boolean;
  /** End after the report, instead of serving on. */
  readonly once: boolean;
  /** Of the API; 0: any free one. */
  readonly port: number;
  /** Whose `.raincheck/` holds the embedded Postgres; `null`: the repository's. */
  readonly directory: string | null;
}

/** The help. */
export const help = `Raincheck's demonstration: an import that outlives the worker that runs it.

  npm start -- [options]

  --once           end after the report, instead of serving until Ctrl-C
  --port N         where the API listens; PORT does the same; default: any free port
  --directory DIR  where .raincheck/ lies, with the embedded Postgres; default: the repository
  --help           print this

  DATABASE_URL     a Postgres to use instead of the embedded one: postgres://user:password@host/database
  NO_COLOR         print without colours
`;

/**
 * Reads the command line and the environment.
 *
 * @throws {Trouble} for what is not understood.
 */
export function readStartOptions(args: readonly string[], environment: NodeJS.ProcessEnv): StartOptions {
  const { help, once, port, directory } = parse(args);
  return {
    help,
    once,
    port: readPort(port, "--port") ?? readPort(environment["PORT"], "PORT") ?? 0,
    directory: directory === undefined ? null : resolve(directory),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h", default: false },
        once: { type: "boolean", default: false },
        port: { type: "string" },
        directory: { type: "string" },
      },
    }).values;
  } catch (cause) {
    const [why = ""] = cause instanceof Error ? cause.message.split(/\.\s/, 1) : [];
    throw new Trouble(`${why.replace(/\.$/, "")}: see \`npm start -- --help\` for what there is.`, { cause });
  }
}
