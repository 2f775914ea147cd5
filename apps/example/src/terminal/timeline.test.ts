import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { expect, test, vi } from "vitest";
import { openScreen } from "./screen.ts";
import { beginTimeline } from "./timeline.ts";

function paper(options: { readonly isTTY: boolean }) {
  // How a real terminal finds out about colours.
  const { getColorDepth } = WriteStream.prototype;
  const stream = Object.assign(new PassThrough(), { ...options, getColorDepth });
  const screen = openScreen(stream);
  return { screen, timeline: beginTimeline(screen), written: () => String(stream.read() ?? "") };
}

test("on a terminal the live line is drawn over, and stays when it is kept", () => {
  vi.stubEnv("NO_COLOR", "1");
  const { timeline, written } = paper({ isTTY: true });
  timeline.live({ what: "progress", text: "10 %" });
  timeline.live({ what: "progress", text: "20 %" });
  timeline.keep();
  timeline.tell({ what: "done", text: "all" });
  const clear = "\r\u001B[2K";
  const at = expect.stringMatching(/^ {3}0\.0 s {2}/);
  const pieces = written().split(clear);
  expect(pieces).toEqual(["", at, at, expect.any(String)]);
  expect(pieces[1]).toContain("10 %");
  expect(pieces[2]).toContain("20 %");
  expect(pieces[3]).toMatch(/progress {3}20 %\n.*done {7}all\n$/);
});

test("a line that is printed meanwhile stands above the live line", () => {
  vi.stubEnv("NO_COLOR", "1");
  const { screen, timeline, written } = paper({ isTTY: true });
  timeline.live({ what: "progress", text: "10 %" });
  written();
  screen.print("worker-1: a warning");
  expect(written()).toMatch(/^\r\u001B\[2Kworker-1: a warning\n.*10 %$/);
});

test("anywhere else there are lines only, without a trace of control characters", () => {
  const { timeline, written } = paper({ isTTY: false });
  timeline.live({ what: "progress", text: "10 %" });
  timeline.wait({ what: "waiting", text: "for the lease" });
  timeline.keep();
  timeline.tell({ what: "done", text: "all", style: "green" });
  expect(written()).toMatch(/^ {3}0\.0 s {2}done {7}all\n$/);
});

test("colours are for terminals, and not for those who want none", () => {
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("FORCE_COLOR", undefined);
  vi.stubEnv("NODE_DISABLE_COLORS", undefined);
  // On a CI machine Node counts no terminal as one with colours.
  vi.stubEnv("CI", undefined);
  vi.stubEnv("TERM", "xterm-256color");
  expect(paper({ isTTY: true }).screen.style("red", "x")).toBe("\u001B[31mx\u001B[39m");
  expect(paper({ isTTY: false }).screen.style("red", "x")).toBe("x");
  vi.stubEnv("NO_COLOR", "1");
  expect(paper({ isTTY: true }).screen.style("red", "x")).toBe("x");
});
