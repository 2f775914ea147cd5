/** What `npm start` runs. */
import { help, readStartOptions } from "./demo/start-options.ts";
import { runProgram } from "./trouble.ts";

await runProgram(async () => {
  const options = readStartOptions(process.argv.slice(2), process.env);
  if (options.help) return void process.stdout.write(help);
  // Loaded only now: whoever mistyped an option need not wait for it.
  const { runDemo } = await import("./demo/run-demo.ts");
  await runDemo(options);
});
