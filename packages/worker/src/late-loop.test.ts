import { expect, test } from "vitest";
import { whyLate } from "./late-loop.ts";

test("a process that had the CPU for it computed, and the procedures that were running are named", () => {
  for (const cpuMs of [251, 900, 1_000, 3_000])
    expect(whyLate({ lagMs: 1_000.4, cpuMs, paths: ["a", "b"] })).toBe(
      "Something held the event loop for 1000 ms, while nothing else could run. Running were: a, b. Move what they compute to a worker thread.",
    );
  const many = whyLate({ lagMs: 1_000, cpuMs: 1_000, paths: ["a", "b", "c", "d", "e", "f", "g"] });
  expect(many).toContain("Running were: a, b, c, d, e and 2 more.");
});

test("a process that had none was stopped, and no procedure is blamed", () => {
  for (const cpuMs of [0, 12.3, 249])
    expect(whyLate({ lagMs: 1_000, cpuMs, paths: ["a"] })).toBe(
      `The process stood still for 1000 ms and had ${Math.round(cpuMs)} ms of CPU: it or its machine was stopped or short of CPU, or something waited without the event loop, such as execFileSync.`,
    );
});
