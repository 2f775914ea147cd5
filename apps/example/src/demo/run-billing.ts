import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Connection } from "../connection-file.ts";
import type { Screen } from "../terminal/screen.ts";
import { Trouble } from "../trouble.ts";

/** What {@link runBilling} is told. */
export interface RunBillingOptions {
  readonly connection: Connection;
  readonly environment: NodeJS.ProcessEnv;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

const program = fileURLToPath(new URL("../billing/bill-delays.ts", import.meta.url));

/**
 * Runs the billing service once, in a process of its own that knows the API's URL and its token, and nothing else of it.
 *
 * @throws {Trouble} when it fails.
 */
export async function runBilling({ connection, environment, screen, signal }: RunBillingOptions): Promise<void> {
  const { DATABASE_URL: _none, ...others } = environment;
  const child = spawn(process.execPath, [program], {
    env: { ...others, EXAMPLE_URL: connection.url, EXAMPLE_TOKEN: connection.tokens.billing },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on("line", (line) => screen.print(`  ${line}`.trimEnd()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Trouble("The billing service failed; what it wrote is above.");
}
