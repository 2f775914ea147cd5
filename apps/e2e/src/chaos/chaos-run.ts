/**
 * One chaos run: a system of real processes, clients that use it, a nemesis that breaks it, and the check of what became of it.
 *
 * ```
 *   load and faults ──▶ quiet: no more faults, no new calls ──▶ tail: a few calls in peace ──▶ everything is closed and checked
 * ```
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Violation, gatherEvidence } from "./check/evidence.ts";
import { checkLiveness } from "./check/liveness.ts";
import { checkPromptness } from "./check/promptness.ts";
import { checkProof } from "./check/proof.ts";
import { checkSafety } from "./check/safety.ts";
import { countConnections, playTail, untilAllEnded } from "./ending.ts";
import type { FaultKind } from "./fault-kind.ts";
import { measure } from "./figures.ts";
import { readHistory } from "./history.ts";
import { meet, play } from "./load/play.ts";
import { type Scenario, nextScenario, poisonous } from "./load/scenarios.ts";
import { type Stage, setStage } from "./load/stage.ts";
import { type Stops, wreak } from "./nemesis.ts";
import { randomOf } from "./random.ts";
import { type ChaosReport, makeReport } from "./report.ts";
import { type System, startSystem } from "./world/system.ts";

/** What a run is told. */
export interface ChaosOptions {
  /** How long faults and load last. */
  readonly seconds: number;
  /** Chooses faults and load; what the processes make of it in which order is theirs. */
  readonly seed: number;
  readonly faults: readonly FaultKind[];
  /** Between two faults, on average. */
  readonly pauseMs: number;
  /** How processes are stopped. Default: any of them, for 0.5 to 6 seconds. */
  readonly stops?: Stops;
  readonly leaseMs: number;
  /** `false`: without notifications. */
  readonly listen: boolean;
  /** Modules that API and workers load first. */
  readonly preload: readonly string[];
  /** Further variables of their environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: (line: string) => void;
  /** Ends the run early. */
  readonly signal: AbortSignal;
}

const workers = 3;
/** Of three workers one may be dead, and still nobody waits for a slot: what is measured is the way back, not the queue. */
const concurrency = 64;
/** Calls that the clients have open at once. */
const callsAtOnce = 128;
/** How long after the last fault every call must have ended, and every client know it; one that has failed often pauses for up to 30 seconds. */
const quietMs = 45_000;

/** Runs it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seconds, seed, faults, log, signal, leaseMs, listen, preload, env } = options;
  const random = randomOf(seed);
  await using system = await startSystem({
    workers,
    concurrency,
    leaseMs,
    listen,
    preload,
    env,
    anyMayBeKilled: false,
    random: random.fork("receiver"),
  });
  const givenUp = new AbortController();
  const stage = setStage({
    url: `http://127.0.0.1:${system.clients.port}`,
    note: system.note,
    random: random.fork("load"),
    signal: AbortSignal.any([signal, givenUp.signal]),
  });
  await meet(stage);
  const ended = await Promise.race([aborted(signal), loadAndFaults({ ...options, system, stage })]);
  signal.throwIfAborted();
  log("quiet: no more faults");
  const drained = await withinQuiet(system, ended!);
  givenUp.abort();
  if (drained) await playTail(system, { ...stage, signal });
  const connections = await countConnections(system);
  system.note({ kind: "phase", phase: "over" });

  const evidence = await gatherEvidence(system.sql, readHistory(system.historyDirectory));
  const figures = measure(evidence);
  const violations: Violation[] = [
    ...checkSafety(evidence),
    ...checkLiveness(evidence, { drained, listen, workers: system.workers.map(({ child }) => child.name), connections }),
    ...checkPromptness(figures, { faults, leaseMs, listen }),
    ...checkProof(evidence.history),
  ];
  return makeReport(evidence, { seconds, seed, leaseMs, listen, figures, violations });
}

interface Battle extends ChaosOptions {
  readonly system: System;
  readonly stage: Stage;
}

/** Load and faults for their while. Resolves when no fault is left, with the end of what the clients had started. */
async function loadAndFaults({
  system,
  stage,
  seconds,
  seed,
  faults,
  pauseMs,
  stops = { ms: [500, 6_000], sparesApi: false },
  log,
  signal,
}: Battle): Promise<{ clients: Promise<unknown> }> {
  const stop = new AbortController();
  const open = new Set<Promise<void>>();
  let ended = 0;
  const start = (scenario: Scenario): Promise<void> => {
    const playing = play(stage, scenario).finally(() => {
      open.delete(playing);
      ended += 1;
    });
    open.add(playing);
    return playing;
  };
  const loops = Array.from({ length: callsAtOnce }, async () => {
    while (!stop.signal.aborted) await start(nextScenario(stage.random));
  });
  const poison = (): void => void start(poisonous);
  const nemesis = wreak(
    { system, random: randomOf(seed).fork("nemesis"), faults, pauseMs, stops, poison },
    AbortSignal.any([stop.signal, signal]),
  );
  for (let second = 0; second < seconds && !signal.aborted; second += 10) {
    await sleep(Math.min(10, seconds - second) * 1_000, undefined, { signal }).catch(() => undefined);
    log(`${Math.min(second + 10, seconds)} of ${seconds} s, ${ended} calls ended`);
  }
  stop.abort();
  await nemesis;
  await Promise.all([system.api, ...system.workers].map(({ child }) => child.ready()));
  system.note({ kind: "phase", phase: "quiet" });
  return { clients: Promise.all([...loops, ...open]) };
}

/** Whether the clients see the end of everything in time; whoever else is told of ends has the same time. What a client meets that no client should is thrown. */
async function withinQuiet(system: System, { clients }: { readonly clients: Promise<unknown> }): Promise<boolean> {
  const over = new AbortController();
  const late = AbortSignal.any([over.signal, AbortSignal.timeout(quietMs)]);
  const drained = await Promise.race([clients.then(() => true), aborted(late).then(() => false)]);
  clients.catch(() => undefined);
  await untilAllEnded(system, late);
  over.abort();
  return drained;
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
}
