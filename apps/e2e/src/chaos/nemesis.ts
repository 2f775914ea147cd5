/** What does the harm: one fault after the other, chosen by the seed, until it is stopped. It leaves everything healed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultKind } from "./fault-kind.ts";
import type { Random } from "./random.ts";
import type { Link } from "./world/link.ts";
import type { System } from "./world/system.ts";

/** How processes are stopped. */
export interface Stops {
  /** How long they stand still. */
  readonly ms: readonly [least: number, most: number];
  /** Whether only workers do. */
  readonly sparesApi: boolean;
}

/** What a nemesis may do. */
export interface NemesisOptions {
  readonly system: System;
  readonly random: Random;
  /** The faults that it chooses from. */
  readonly faults: readonly FaultKind[];
  /** Between two faults, in milliseconds, drawn from half of it to half as much again. */
  readonly pauseMs: number;
  readonly stops: Stops;
  /** Starts a call that kills its workers. */
  readonly poison: () => void;
}

/** How often which fault is chosen. */
const weights: Readonly<Record<FaultKind, number>> = {
  sigkill: 24,
  sigstop: 14,
  sigterm: 6,
  terminatedBackend: 22,
  postgresRestart: 5,
  cut: 18,
  blackhole: 5,
  lostAnswer: 16,
  poison: 1,
};

/** Does harm until `stop` aborts, and resolves when all of it is healed. */
export async function wreak(options: NemesisOptions, stop: AbortSignal): Promise<void> {
  const { random, faults, pauseMs, system } = options;
  const chosen = Object.fromEntries(faults.map((fault) => [fault, weights[fault]])) as Record<FaultKind, number>;
  const healing = new Set<Promise<unknown>>();
  while (!stop.aborted && faults.length > 0) {
    const fault = random.weighted(chosen);
    const { target, healed } = strike(fault, options, stop);
    system.note({ kind: "fault", fault, target });
    const cured = healed.finally(() => healing.delete(cured));
    healing.add(cured);
    // Two restarts at once would be one.
    if (fault === "postgresRestart") await cured;
    await sleep(random.between(pauseMs / 2, pauseMs * 1.5), undefined, { signal: stop }).catch(() => undefined);
  }
  await Promise.all(healing);
}

interface Strike {
  readonly target: string;
  /** Resolves when the system is whole again, but for what it must mend itself. */
  readonly healed: Promise<unknown>;
}

function strike(fault: FaultKind, { system, random, stops, poison }: NemesisOptions, stop: AbortSignal): Strike {
  const { api, workers, clients } = system;
  const worker = random.pick(workers);
  const member = random.chance(0.2) ? api : worker;
  const links: readonly Link[] = [clients, api.database, ...workers.map(({ database }) => database)];
  const link = random.pick(links);
  const healed = Promise.resolve();
  switch (fault) {
    case "sigkill":
      member.child.expectEnd();
      member.child.signal("SIGKILL");
      return { target: member.child.name, healed };
    case "sigstop": {
      const { child } = stops.sparesApi ? worker : member;
      child.signal("SIGSTOP");
      return { target: child.name, healed: after(random.between(...stops.ms), stop, () => child.signal("SIGCONT")) };
    }
    case "sigterm":
      worker.child.expectEnd();
      worker.child.signal("SIGTERM");
      return { target: worker.child.name, healed };
    case "terminatedBackend":
      return { target: "postgres", healed: terminateBackends(system) };
    case "postgresRestart":
      return { target: "postgres", healed: system.postgres.restartImmediately(random.between(0, 1_000)) };
    case "cut":
      if (random.chance(0.5)) link.cutAll();
      else link.cutAfter(random.below(20_000));
      return { target: link.name, healed };
    case "blackhole":
      link.freeze();
      return {
        target: link.name,
        healed: after(random.between(1_000, 3_000), stop, () => {
          link.thaw();
          if (random.chance(0.5)) link.cutAll();
        }),
      };
    case "lostAnswer": {
      const { database } = member;
      const lost = database.loseCommitAnswer(AbortSignal.timeout(2_000));
      return { target: database.name, healed: lost.then((was) => was && system.note({ kind: "answer-lost", link: database.name })) };
    }
    case "poison":
      poison();
      return { target: "a worker", healed };
  }
}

async function after(ms: number, stop: AbortSignal, heal: () => unknown): Promise<void> {
  await sleep(ms, undefined, { signal: stop }).catch(() => undefined);
  heal();
}

/** Four in ten of the connections that are not this program's own. */
async function terminateBackends({ sql }: System): Promise<void> {
  try {
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name <> 'chaos' and backend_type = 'client backend' and random() < 0.4`;
  } catch {
    // Postgres is away: nobody is connected.
  }
}
