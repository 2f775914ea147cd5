/**
 * The crash-point sweep: at each named point of a call's life, each kind of strike, while fifty calls are under way.
 *
 * One system lives through all of it, and is checked at the end as after a chaos run.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkLiveness } from "../check/liveness.ts";
import { type Violation, gatherEvidence } from "../check/evidence.ts";
import { checkSafety } from "../check/safety.ts";
import { countConnections, playTail, untilAllEnded } from "../ending.ts";
import { readHistory } from "../history.ts";
import { meet, play } from "../load/play.ts";
import { type Scenario, nextScenario } from "../load/scenarios.ts";
import { type Stage, setStage } from "../load/stage.ts";
import { randomOf } from "../random.ts";
import { type System, startSystem } from "../world/system.ts";
import { failpoints } from "./failpoints.ts";
import { type Arming, type Strike, doneFileOf } from "./strike.ts";

/** What a sweep is told. */
export interface SweepOptions {
  readonly strikes: readonly Strike[];
  readonly seed: number;
  readonly leaseMs: number;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** One point, struck in one way. */
export interface SweptPoint {
  readonly point: string;
  readonly strike: Strike;
  /** The process that was struck; null: none came to the point. */
  readonly hit: string | null;
  /** From the first call to the end of the last. */
  readonly tookMs: number;
}

/** What `--sweep --json` writes. */
export interface SweepReport {
  readonly seed: number;
  readonly leaseMs: number;
  readonly callsAccepted: number;
  readonly sweep: readonly SweptPoint[];
  readonly violations: readonly Violation[];
}

const workers = 2;
/** Fewer than half of a scenario's calls: each worker has some. */
const concurrency = 12;
const callsOfScenario = 50;
const stoppedMs = 6_000;
const longMs = 1_500;
/** For a process to come to the point, and for all calls to end after the strike. */
const scenarioMs = 40_000;

/** Runs it. */
export async function runSweep(options: SweepOptions): Promise<SweepReport> {
  const { strikes, seed, leaseMs, log, signal } = options;
  const preload = [new URL("preload.ts", import.meta.url).href];
  const random = randomOf(seed).fork("sweep");
  await using system = await startSystem({
    workers,
    concurrency,
    leaseMs,
    listen: true,
    preload,
    env: {},
    anyMayBeKilled: true,
    random: random.fork("receiver"),
  });
  const stage = setStage({ url: `http://127.0.0.1:${system.clients.port}`, note: system.note, random, signal });
  const swept: SweptPoint[] = [];
  const violations: Violation[] = [];
  // Queues are met and statements are prepared before the first strike.
  await meet(stage);
  for (const { name: point } of failpoints) {
    for (const strike of strikes) {
      signal.throwIfAborted();
      const armed = { point, strike, hit: join(system.historyDirectory, `${swept.length}.hit`) };
      const result = await sweepPoint(system, stage, armed);
      swept.push(result);
      log(`${result.hit ?? "NOBODY"} struck by ${strike} at: ${point} (${(result.tookMs / 1_000).toFixed(1)} s)`);
      if (result.hit === null) violations.push({ invariant: "sweep", subject: point, message: `was not reached for ${strike}` });
    }
  }
  await playTail(system, stage);
  await untilAllEnded(system, AbortSignal.any([signal, AbortSignal.timeout(scenarioMs)]));
  const evidence = await gatherEvidence(system.sql, readHistory(system.historyDirectory));
  violations.push(
    ...checkSafety(evidence),
    ...checkLiveness(evidence, {
      drained: true,
      listen: true,
      workers: system.workers.map(({ child }) => child.name),
      connections: await countConnections(system),
    }),
  );
  return { seed, leaseMs, callsAccepted: evidence.calls.length, sweep: swept, violations };
}

async function sweepPoint(system: System, stage: Stage, armed: Arming): Promise<SweptPoint> {
  const members = [system.api, ...system.workers];
  await Promise.all(members.map(({ child }) => child.ready()));
  const beganAt = performance.now();
  for (const { child } of members) child.send(armed);
  const isReap = armed.point.startsWith("reap");
  const scenario = isReap ? longScenario : scenarioOf;
  const calls = Promise.all(Array.from({ length: callsOfScenario }, (_, number) => play(stage, scenario(stage, number))));
  if (isReap) {
    // An attempt is reaped only where one was lost: a worker is killed whose slots are full by then.
    const { child } = system.workers[0]!;
    await sleep(longMs / 2);
    child.signal("SIGKILL");
    // The one that takes its place reaps too, and would do so unharmed.
    await child.next();
    child.send(armed);
  }
  const late = AbortSignal.any([stage.signal, AbortSignal.timeout(scenarioMs)]);
  const hit = await hitOf(armed.hit, late);
  if (hit !== null) await finishStrike(system, armed);
  await Promise.race([calls, sleep(scenarioMs, undefined, { signal: late }).catch(() => undefined)]);
  return { point: armed.point, strike: armed.strike, hit, tookMs: Math.round(performance.now() - beganAt) };
}

/** Some of the calls are cancelled and some wait for room, for the points that only they come to; the others are as they come. */
function scenarioOf({ random }: Stage, number: number): Scenario {
  const scenario = nextScenario(random);
  const { ms, againMs } = scenario.work;
  const work = { ...scenario.work, ms: Math.min(ms, 200), againMs: Math.min(againMs, 4_000) };
  if (number % 10 === 0) return { ...scenario, work, procedure: "limited", cancelAfterMs: null };
  if (number % 10 === 1) return { ...scenario, work: { ...work, ms: 2_000 }, procedure: "effect", cancelAfterMs: random.between(0, 300) };
  return { ...scenario, work, cancelAfterMs: scenario.cancelAfterMs === null ? null : Math.min(scenario.cancelAfterMs, 300) };
}

function longScenario({ random }: Stage): Scenario {
  return {
    ...nextScenario(random),
    procedure: "effect",
    work: { ms: longMs, againMs: longMs, stubborn: false, failing: 0, yields: 1 },
    cancelAfterMs: null,
  };
}

async function hitOf(file: string, late: AbortSignal): Promise<string | null> {
  while (!existsSync(file)) {
    if (late.aborted) return null;
    await sleep(10);
  }
  return readFileSync(file, "utf8");
}

/** The part of a strike that the process cannot do itself. */
async function finishStrike(system: System, { strike, hit }: Arming): Promise<void> {
  switch (strike) {
    case "sigkill":
      return;
    case "sigstop":
      await sleep(stoppedMs);
      for (const { child } of [system.api, ...system.workers]) child.signal("SIGCONT");
      return;
    case "terminatedBackend":
      await system.sql`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name <> 'chaos' and backend_type = 'client backend'`;
      break;
    case "postgresRestart":
      await system.postgres.restartImmediately(0);
  }
  writeFileSync(doneFileOf(hit), "");
}
