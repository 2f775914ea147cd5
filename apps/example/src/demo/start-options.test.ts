import { expect, test } from "vitest";
import { readStartOptions } from "./start-options.ts";

test("without anything: any free port, and serving on", () => {
  expect(readStartOptions([], {})).toEqual({ help: false, once: false, port: 0, directory: null });
});

test("reads the command line, which is stronger than the environment", () => {
  expect(readStartOptions(["--once", "--port", "4001", "--directory", "/tmp/x"], { PORT: "4002" })).toEqual({
    help: false,
    once: true,
    port: 4_001,
    directory: "/tmp/x",
  });
  expect(readStartOptions([], { PORT: "4002" })).toMatchObject({ port: 4_002 });
  expect(readStartOptions([], { PORT: "" })).toMatchObject({ port: 0 });
});

test.each([
  [["--ones"], {}, "Unknown option '--ones': see `npm start -- --help`"],
  [["now"], {}, "Unexpected argument 'now': see"],
  [["--port"], {}, "Option '--port <value>' argument missing: see"],
  [["--port", "abc"], {}, '--port is "abc": expected a port from 1 to 65535'],
  [["--port", "65536"], {}, '--port is "65536"'],
  [["--port", "0x50"], {}, '--port is "0x50"'],
  [[], { PORT: "-1" }, 'PORT is "-1"'],
])("refuses %j with %j", (args, environment, sentence) => {
  expect(() => readStartOptions(args, environment)).toThrow(sentence);
});
