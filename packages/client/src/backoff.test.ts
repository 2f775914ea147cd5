import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs, pause, retry } from "./backoff.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("draws the pause from a range that doubles up to half a minute", () => {
  expect([0, 1, 2, 7, 50, 5_000].map((failures) => backoffMs(failures, 1))).toEqual([250, 500, 1_000, 30_000, 30_000, 30_000]);
  expect(backoffMs(3, 0)).toBe(0);
  expect(backoffMs(3, 0.5)).toBe(1_000);
});

describe("a pause", () => {
  it("lasts its time, and leaves nothing behind", async () => {
    const paused = pause(1_000, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(paused).resolves.toBeUndefined();
  });

  it("ends with the signal's reason, and its timer too", async () => {
    const abort = new AbortController();
    const paused = pause(1_000, abort.signal);
    abort.abort("enough");
    await expect(paused).rejects.toBe("enough");
    await expect(pause(1_000, abort.signal)).rejects.toBe("enough");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a retry", () => {
  const again = () => true;

  it("tries until there is an answer", async () => {
    const attempt = vi.fn<() => Promise<string>>().mockRejectedValueOnce(1).mockRejectedValueOnce(2).mockResolvedValue("answer");
    const answer = retry(attempt, { tries: 3, again });
    await vi.runAllTimersAsync();
    await expect(answer).resolves.toBe("answer");
  });

  it("throws the last error, or the first that is not worth another try", async () => {
    const attempt = vi.fn<() => Promise<string>>().mockRejectedValueOnce("first").mockRejectedValueOnce("second");
    const outcome = Promise.allSettled([retry(attempt, { tries: 2, again })]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual([{ status: "rejected", reason: "second" }]);
    const refused = vi.fn<() => Promise<string>>().mockRejectedValue("refused");
    await expect(retry(refused, { tries: 5, again: (error) => error !== "refused" })).rejects.toBe("refused");
    expect(refused).toHaveBeenCalledTimes(1);
  });

  it("throws the signal's reason instead of what the abort made of the attempt", async () => {
    const abort = new AbortController();
    const attempt = vi.fn<() => Promise<never>>(() => {
      abort.abort("enough");
      return Promise.reject(new Error("the request was aborted"));
    });
    await expect(retry(attempt, { tries: 5, again, signal: abort.signal })).rejects.toBe("enough");
    await expect(retry(attempt, { tries: 5, again, signal: abort.signal })).rejects.toBe("enough");
    expect(attempt).toHaveBeenCalledTimes(1);
  });
});
