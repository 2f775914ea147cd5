/**
 * Keeps the leases of the running attempts, and ends those whose call is no longer theirs.
 *
 * Two loops, so that a hanging ledger cannot hold up the second:
 *
 * - **The renewer** asks the engine for all attempts in one step, each quarter of the lease. A wake of a running call makes it
 *   ask at once for that call, because it may have been cancelled. One request is in flight at a time; wakes that come meanwhile share
 *   the next. The worker's own writes wake it too, so a wake soon after one is answered a little later: see `echoMs`.
 * - **The watchdog** ends an attempt whose lease was last renewed so long ago, by the monotonic clock, that another worker may have
 *   the call soon. It also notices when it was itself late: then something has held the event loop, or the process stood still. The engine's heartbeat, if it has
 *   one, has extended the leases meanwhile, from a thread of its own; the watchdog beats, so that the thread knows when to.
 *
 * The server is authoritative. What the watchdog does only saves work that nobody will take; the fence of every write is what keeps
 * a call from being settled twice.
 */
import { EngineUnavailable, type Heartbeat, type LostAttempt } from "@raincheck/engine";
import * as Effect from "effect/Effect";
import * as Latch from "effect/Latch";
import type { AbandonedResolvers } from "./abandoned-resolvers.ts";
import { EngineService } from "./engine-service.ts";
import { CpuClock, whyLate } from "./late-loop.ts";
import type { MonotonicClock } from "./monotonic-clock.ts";
import type { RunningAttempt, RunningAttempts } from "./running-attempts.ts";
import { Telemetry } from "./telemetry.ts";

/**
 * A wake within this time after the worker's own write to that call is taken for the echo of that write, and answered only when the time
 * has passed: a resolver that tells its progress ten times a second must not cause ten requests a second.
 */
const echoMs = 250;

/** The pause between two warnings of a late event loop. */
const lagWarningIntervalMs = 10_000;

/** See the file's head. */
export interface LeaseKeeper {
  /** Both loops; never ends by itself. */
  readonly run: Effect.Effect<never>;
  /** The call of a running attempt may have changed. */
  readonly wake: (attempt: RunningAttempt) => void;
  /** The ledger has refused a write of the attempt: ask at once what became of the call. */
  readonly ask: (attempt: RunningAttempt) => void;
}

/** What a {@link LeaseKeeper} needs. */
export interface LeaseKeeperOptions {
  readonly leaseMs: number;
  readonly running: RunningAttempts;
  readonly abandoned: AbandonedResolvers;
  readonly heartbeat: Heartbeat;
  readonly now: MonotonicClock;
}

/** Makes a lease keeper. */
export const makeLeaseKeeper = Effect.fnUntraced(function* (options: LeaseKeeperOptions) {
  const { leaseMs, running, abandoned, heartbeat, now } = options;
  const engine = yield* EngineService;
  const telemetry = yield* Telemetry;
  const cpu = yield* CpuClock;
  const intervalMs = leaseMs / 4;
  /** An attempt may be this long without a renewal: three requests fit in, and an eighth is left for the way. */
  const silenceMs = leaseMs - leaseMs / 8;
  const lateMs = Math.max(100, leaseMs / 8);

  /** Attempts to ask about, with the time at which to ask. */
  const asked = new Map<RunningAttempt, number>();
  const changed = Latch.makeUnsafe(false);

  const askAt = (attempt: RunningAttempt, atMs: number): void => {
    const before = asked.get(attempt);
    if (!attempt.isOpen || (before !== undefined && before <= atMs)) return;
    asked.set(attempt, atMs);
    changed.openUnsafe();
  };

  const takeLoss = Effect.fnUntraced(function* (lost: LostAttempt) {
    const attempt = running.find(lost);
    // One that has ended by itself learns from its settle.
    if (attempt === undefined || !attempt.isOpen) return;
    if (lost.reason === "lost" && (yield* Effect.orElseSucceed(engine.hasSucceeded(attempt.call), () => false))) {
      // `ctx.call.commit()` has settled it, and the resolver still has something to do: it has lost nothing.
      attempt.hasCommitted = true;
      return;
    }
    if (!attempt.end({ type: "told", reason: lost.reason }) || lost.reason !== "lost") return;
    telemetry.log({
      level: "warn",
      event: "attempt-lost",
      message: "Another worker has the call, or may take it; the attempt was told to stop.",
      call: attempt.label,
    });
  });

  const renew = Effect.fnUntraced(function* (attempts: readonly RunningAttempt[]) {
    const sentAtMs = now();
    const lost = yield* engine.extend(attempts.map(({ ref }) => ref)).pipe(
      // A request that hangs must not keep the next one from being sent.
      Effect.timeoutOrElse({
        duration: leaseMs / 2,
        orElse: () => Effect.fail(new EngineUnavailable("extend", new Error(`no answer within ${leaseMs / 2} ms`))),
      }),
    );
    const gone = new Set(lost.map((ref) => running.find(ref)));
    for (const attempt of attempts) {
      if (!gone.has(attempt)) attempt.leaseFromMs = Math.max(attempt.leaseFromMs, sentAtMs);
    }
    yield* Effect.forEach(lost, takeLoss, { discard: true });
    return true;
  });

  const renewer = Effect.gen(function* () {
    let nextAllAtMs = now() + intervalMs;
    while (true) {
      changed.closeUnsafe();
      for (const attempt of asked.keys()) if (!attempt.isOpen) asked.delete(attempt);
      const dueMs = Math.min(nextAllAtMs, ...asked.values());
      const startedAtMs = now();
      if (dueMs > startedAtMs) {
        yield* Effect.timeoutOption(changed.await, dueMs - startedAtMs);
        continue;
      }
      const isForAll = nextAllAtMs <= startedAtMs;
      const due = isForAll ? running.all() : [...asked].filter(([, atMs]) => atMs <= startedAtMs).map(([attempt]) => attempt);
      for (const attempt of due) asked.delete(attempt);
      const attempts = due.filter(({ hasCommitted }) => !hasCommitted);
      const isRenewed = attempts.length === 0 || (yield* Effect.orElseSucceed(renew(attempts), () => false));
      if (!isRenewed) nextAllAtMs = now() + intervalMs / 4;
      else if (isForAll) nextAllAtMs = startedAtMs + intervalMs;
    }
  });

  let warnedOfLagAtMs = -Infinity;
  const tellLag = (lagMs: number, cpuMs: number): void => {
    telemetry.showLag(lagMs);
    if (lagMs < lateMs || running.size === 0 || now() - warnedOfLagAtMs < lagWarningIntervalMs) return;
    warnedOfLagAtMs = now();
    const paths = [...new Set(running.all().map(({ call }) => call.path))];
    telemetry.log({
      level: "warn",
      event: "event-loop-late",
      message: whyLate({ lagMs, cpuMs, paths }),
      facts: { lagMs: Math.round(lagMs), cpuMs: Math.round(cpuMs), leaseMs, paths },
    });
  };

  /** While the loop was held, the heartbeat may have extended what it held; one that found a call lost is asked about like any other. */
  const takeHeartbeat = (): void => {
    const agoMs = heartbeat.extendedAgoMs();
    if (agoMs === null) return;
    for (const attempt of running.all()) {
      if (attempt.letGo !== null) attempt.leaseFromMs = Math.max(attempt.leaseFromMs, now() - agoMs);
    }
  };

  const endOverdue = (lagMs: number): void => {
    for (const attempt of running.all()) {
      if (!attempt.isOpen || attempt.hasCommitted || now() - attempt.leaseFromMs < silenceMs) continue;
      // A worker whose loop was held lost the call by its own doing, and that must go on counting as a crash: else a resolver that
      // computes for longer than the lease would run again for ever. An outage is nobody's doing: the call goes back, if it still can.
      const ended = attempt.end(lagMs >= lateMs ? { type: "told", reason: "lost" } : { type: "lease-ran-out" });
      if (!ended) continue;
      telemetry.log({
        level: "warn",
        event: "attempt-lost",
        message: "The lease could not be renewed in time; the attempt was told to stop.",
        call: attempt.label,
        facts: { silentMs: Math.round(now() - attempt.leaseFromMs), leaseMs },
      });
    }
  };

  const watchdog = Effect.gen(function* () {
    while (true) {
      const open = running.all().filter(({ isOpen, hasCommitted }) => isOpen && !hasCommitted);
      const dueMs = Math.min(now() + intervalMs, ...open.map(({ leaseFromMs }) => leaseFromMs + silenceMs));
      const cpuBeforeMs = cpu();
      // At least a millisecond: rounding must not make this spin.
      yield* Effect.sleep(Math.max(1, dueMs - now()));
      const lagMs = Math.max(0, now() - dueMs);
      if (lagMs >= lateMs) takeHeartbeat();
      heartbeat.beat();
      tellLag(lagMs, cpu() - cpuBeforeMs);
      endOverdue(lagMs);
      abandoned.check();
    }
  });

  return {
    run: Effect.andThen(Effect.all([renewer, watchdog], { concurrency: "unbounded", discard: true }), Effect.never),
    wake: (attempt) => askAt(attempt, Math.max(now(), attempt.ownWriteAtMs + echoMs)),
    ask: (attempt) => askAt(attempt, now()),
  } satisfies LeaseKeeper;
});
