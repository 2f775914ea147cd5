import { Trouble } from "./trouble.ts";

/**
 * Reads a port as a person wrote it; `undefined` when nothing is written.
 *
 * @param source where it is written, for the message: `PORT`, `--port`.
 * @throws {Trouble} unless it is a whole number from 0 (any free port) to 65535.
 */
export function readPort(text: string | undefined, source: string): number | undefined {
  if (text === undefined || text === "") return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new Trouble(`${source} is ${JSON.stringify(text)}: expected a port from 1 to 65535, or 0 for any free one.`);
  return port;
}
