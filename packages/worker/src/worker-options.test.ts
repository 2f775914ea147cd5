import { memoryEngine } from "@raincheck/engine/memory";
import { hasTag } from "@raincheck/protocol";
import { describe, expect, test, vi } from "vitest";
import { fakeRaincheck } from "../test/fake-raincheck.ts";
import { logToConsole } from "./worker-log.ts";
import { resolveWorkerOptions } from "./worker-options.ts";

const raincheck = fakeRaincheck(memoryEngine(), {});

describe("the options of a worker", () => {
  test("have defaults", () => {
    const { runtime, name, log, ...settings } = resolveWorkerOptions({ raincheck });
    expect(settings).toEqual({
      concurrency: 16,
      queues: ["default"],
      shutdownGraceMs: 30_000,
      heartbeatMs: 60_000,
      leaseMs: 4_000,
      unknownProcedureMs: 600_000,
      signals: true,
      webhookQueues: [],
      onError: null,
    });
    expect(runtime).toBe(raincheck["~raincheck"]);
    expect(log).toBe(logToConsole);
    expect(name).toMatch(new RegExp(`:${process.pid}:[0-9a-f]{4}$`));
    // Two workers of one process are two workers.
    expect(resolveWorkerOptions({ raincheck }).name).not.toBe(name);
  });

  test("have the queues of replies before its own, which may be none then", () => {
    const consuming = { "~raincheck": { ...raincheck["~raincheck"], replyQueues: () => ["reply/billing"] } };
    expect(resolveWorkerOptions({ raincheck: consuming }).queues).toEqual(["reply/billing", "default"]);
    expect(resolveWorkerOptions({ raincheck: consuming, queues: [] }).queues).toEqual(["reply/billing"]);
  });

  test.each<[string, object, RegExp]>([
    ["concurrency", { concurrency: 0 }, /Invalid concurrency: 0; expected a whole number from 1 to 10000/],
    ["concurrency", { concurrency: 1.5 }, /Invalid concurrency: 1.5/],
    ["queues", { queues: [] }, /Invalid queues/],
    ["queues", { queues: "default" }, /Invalid queues: "default"/],
    ["queues[1]", { queues: ["a", "b c"] }, /Invalid queues\[1\]: "b c"/],
    ["shutdownGrace", { shutdownGrace: "30s" }, /Invalid shutdownGrace: "30s"; expected a number, a space and a unit/],
    ["lease", { lease: "10 millis" }, /Invalid lease/],
    ["lease", { lease: "2 hours" }, /Invalid lease/],
    ["signals", { signals: "no" }, /Invalid signals/],
    ["name", { name: "" }, /Invalid name: ""/],
    ["log", { log: console }, /Invalid log/],
    ["onError", { onError: true }, /Invalid onError/],
    ["raincheck", { raincheck: {} }, /Invalid raincheck: an object; expected what initRaincheck/],
    ["raincheck", { raincheck: undefined }, /Invalid raincheck: undefined/],
    ["concurency", { concurency: 4 }, /^Unknown option concurency\. Did you mean concurrency\? Known are: raincheck, concurrency/],
  ])("are refused at once: %s", (option, given, message) => {
    const refuse = () => resolveWorkerOptions({ raincheck, ...given });
    expect(refuse).toThrow(message);
    try {
      refuse();
    } catch (error) {
      expect(hasTag(error, "InvalidOption") && "option" in error && error.option).toBe(option);
    }
  });
});

describe("the default log", () => {
  test("writes warnings and errors as one line and the error, and nothing else", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const call = { id: "9f1b6c1e-8a44-4b8e-9d0f-111111111111", path: "flights.report", attempt: 2 };
    const thrown = new Error("secret");
    logToConsole({ level: "debug", event: "attempt-ended", message: "The attempt ended.", worker: "w" });
    logToConsole({ level: "info", event: "worker-started", message: "Hello.", worker: "w" });
    logToConsole({ level: "warn", event: "result-stale", message: "Dropped.", worker: "w", call });
    logToConsole({ level: "error", event: "attempt-failed", message: "It failed.", worker: "w", call, errorId: "e-1", error: thrown });
    expect(warn.mock.calls).toEqual([[`[raincheck w] result-stale flights.report ${call.id}#2: Dropped.`]]);
    expect(error.mock.calls).toEqual([[`[raincheck w] attempt-failed flights.report ${call.id}#2 errorId=e-1: It failed.`, thrown]]);
  });
});
