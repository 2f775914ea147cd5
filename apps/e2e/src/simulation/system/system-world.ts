/**
 * The whole system in one process, in virtual time: the product's own clients, server and workers, over faulty lines, on the memory engine.
 * Each step is one decision and a while of virtual time. After the last step the faults stop, and every call must end and be told of.
 */
import type { StoredEvent } from "@raincheck/engine";
import { memoryEngine } from "@raincheck/engine/memory";
import type { CallEvent } from "@raincheck/protocol";
import type { Random } from "../../chaos/random.ts";
import { type BrokenPromise, promised } from "../broken-promise.ts";
import { HistoryHash } from "../history-hash.ts";
import type { VirtualClock } from "../virtual-clock.ts";
import { type SimulatedRouter, simulatedApplication } from "./application.ts";
import { type CallPlan, checkLog } from "./check-log.ts";
import { EngineLine, type LineRates, overLine, soundLine } from "./faulty-engine.ts";
import { FaultyTransport, type TransportRates, soundTransport } from "./faulty-transport.ts";
import { SimulatedClient } from "./simulated-client.ts";
import { type SystemTally, emptySystemTally } from "./system-tally.ts";
import { WorkerHost } from "./worker-host.ts";

/** Turns of the event loop after each timer: promises and fibers get on in them, and no time passes. */
const turns = 4;

/** In which everything must end once the faults have stopped. */
const quietMs = 120_000;

const decisions = {
  nothing: 4,
  start: 5,
  followAgain: 1,
  cancel: 0.7,
  cut: 0.8,
  crashWorker: 0.25,
  drainWorker: 0.15,
  freezeWorker: 0.4,
  thaw: 0.6,
  crashClient: 0.1,
} as const;

/** Calls that a world has open at most: more would only wait. */
const mostBusy = 30;

/** See the file's head. */
export class SystemWorld {
  readonly tally: SystemTally = emptySystemTally();
  readonly hash = new HistoryHash();
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #engine;
  readonly #router: SimulatedRouter;
  readonly #lines: EngineLine[] = [];
  readonly #hosts: WorkerHost[];
  readonly #clients: SimulatedClient[] = [];
  readonly #accepted = new Map<string, CallPlan>();
  readonly #cancelled = new Set<string>();
  readonly #told: { readonly id: string; readonly end: CallEvent }[] = [];
  readonly #runs = new Set<string>();
  #lineRates: LineRates;
  #transportRates: TransportRates;
  #broken: BrokenPromise | null = null;

  constructor(clock: VirtualClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    const upTo = (most: number): number => (random.chance(0.2) ? 0 : random.between(0, most));
    this.#lineRates = { drop: upTo(0.08), loseAnswer: upTo(0.08), duplicate: upTo(0.08), delay: upTo(0.5), loseWake: upTo(0.6) };
    this.#transportRates = { loseRequest: upTo(0.1), loseAnswer: upTo(0.1), repeat: upTo(0.2) };
    const engine = memoryEngine({ clock });
    this.#engine = engine;
    const { tally } = this;
    const makeLine = (): EngineLine => this.#makeLine();
    const onRun = ({ id, attempt }: { id: string; attempt: number }): void => this.#noteRun(id, attempt);
    this.#router = simulatedApplication(overLine(engine, makeLine()), onRun).router;
    this.#hosts = ["worker 1", "worker 2", "worker 3"].map((name) => new WorkerHost({ name, engine, makeLine, onRun, tally }));
    for (let client = 0; client < 2; client++) this.#clients.push(this.#makeClient());
  }

  /** Takes one step. @throws {BrokenPromise} when a promise was broken. */
  async step(): Promise<void> {
    const random = this.#random;
    const decision = random.weighted(decisions);
    this.#decide(decision);
    await this.#pass(random.below(random.chance(0.1) ? 1_500 : 80));
    this.hash.add(`${decision} ${this.#clock.nowMs}`);
  }

  /** Ends the faults, brings everything to its end, and checks it. */
  async end(): Promise<void> {
    this.#lineRates = soundLine;
    this.#transportRates = soundTransport;
    for (const line of this.#lines) {
      line.rates = soundLine;
      line.thaw();
    }
    for (const { transport } of this.#clients) transport.rates = soundTransport;
    const endMs = this.#clock.nowMs + quietMs;
    while (this.#clients.some(({ busy }) => busy > 0) && this.#clock.nowMs < endMs) await this.#pass(500);
    const left = this.#clients.flatMap(({ underWay }) => underWay);
    promised(left.length === 0, "L2", () => `${quietMs} ms after the last fault there goes on: ${left.join(", ")}`);
    // What nobody follows any more: calls of dead clients.
    while ((await this.#anyOpen()) && this.#clock.nowMs < endMs) await this.#pass(500);
    await this.#check();
    const stopping = Promise.all(this.#hosts.map((host) => host.stop()));
    await this.#pass(10_000);
    await stopping;
    await this.#engine.stop();
  }

  #decide(decision: keyof typeof decisions): void {
    const random = this.#random;
    const client = random.pick(this.#clients);
    const host = random.pick(this.#hosts);
    const isBusy = this.#clients.reduce((sum, { busy }) => sum + busy, 0) >= mostBusy;
    switch (decision) {
      case "nothing":
        return;
      case "start":
        return isBusy ? undefined : client.start(random);
      case "followAgain":
        return isBusy ? undefined : client.followAgain(random);
      case "cancel":
        return client.cancel(random);
      case "cut":
        return client.transport.cut();
      case "crashWorker":
        this.tally.workerCrash += 1;
        return host.crash();
      case "drainWorker":
        this.tally.workerDrain += 1;
        return host.drain();
      case "freezeWorker":
        this.tally.workerFreeze += 1;
        return host.line.freeze();
      case "thaw":
        for (const line of this.#lines) line.thaw();
        return;
      case "crashClient":
        this.tally.clientCrash += 1;
        client.crash();
        this.#clients[this.#clients.indexOf(client)] = this.#makeClient();
        return;
      default:
        return decision satisfies never;
    }
  }

  /** Lets time pass, and at each moment on the way everything happen that is due then. */
  async #pass(ms: number): Promise<void> {
    await this.#settle();
    const endMs = this.#clock.nowMs + ms;
    while (this.#clock.fireNext(endMs)) await this.#settle();
    this.#clock.advance(endMs - this.#clock.nowMs);
    if (this.#broken !== null) throw this.#broken;
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async #anyOpen(): Promise<boolean> {
    for (const id of this.#accepted.keys()) if ((await this.#log(id)).every(({ type }) => !isEnd(type))) return true;
    return false;
  }

  async #log(id: string): Promise<readonly StoredEvent[]> {
    const page = await this.#engine.events(id, 0, { principal: "ada" });
    promised(page !== null, "I1", () => `${id} was accepted, and is gone`);
    return page.events;
  }

  async #check(): Promise<void> {
    const ends = new Map<string, StoredEvent>();
    for (const [id, plan] of this.#accepted) {
      const log = await this.#log(id);
      const end = checkLog(id, log, plan);
      ends.set(id, end);
      this.#count(log, end);
      this.hash.add(`${plan.path} ${log.map(({ type }) => type).join(" ")}`);
      if (this.#cancelled.has(id)) promised(end.type === "cancelled", "I7", () => `${id} was cancelled, and is ${end.type}`);
    }
    for (const { id, end } of this.#told) {
      const real = ends.get(id);
      const isSame = real?.type === end.type && real.seq === end.seq && (end.type !== "succeeded" || isStoredAs(end.output, real));
      promised(isSame, "I6", () => `${id}: a follower was told ${JSON.stringify(end)}, and the ledger has ${JSON.stringify(real)}`);
    }
  }

  #count(log: readonly StoredEvent[], end: StoredEvent): void {
    const { tally } = this;
    for (const event of log) {
      if (event.type !== "retrying") continue;
      if (event.reason === "lost") tally.retriedLost += 1;
      else if (event.reason === "handed-back") tally.handedBack += 1;
      else tally.retriedFailed += 1;
    }
    if (end.type === "succeeded" || end.type === "failed" || end.type === "expired") tally[end.type] += 1;
  }

  #noteRun(id: string, attempt: number): void {
    const run = `${id} ${attempt}`;
    if (this.#runs.has(run)) this.#breaks("I4", `attempt ${attempt} of ${id} ran twice`);
    this.#runs.add(run);
    this.tally.attempts += 1;
  }

  #breaks(invariant: string, message: string): void {
    try {
      promised(false, invariant, () => message);
    } catch (error) {
      this.#broken ??= error as BrokenPromise;
    }
  }

  #makeLine(): EngineLine {
    const line = new EngineLine(this.#lineRates, this.#random.fork(`line ${this.#lines.length}`), this.tally);
    this.#lines.push(line);
    return line;
  }

  #makeClient(): SimulatedClient {
    const transport = new FaultyTransport(
      this.#transportRates,
      this.#random.fork(`client ${this.tally.clientCrash} ${this.#clients.length}`),
      this.tally,
    );
    return new SimulatedClient({
      router: this.#router,
      transport,
      tally: this.tally,
      witness: {
        accepted: (id, plan) => void this.#accepted.set(id, plan),
        cancelled: (id) => void this.#cancelled.add(id),
        ended: (id, end) => void this.#told.push({ id, end }),
        broken: (error) => void (this.#broken ??= error),
      },
    });
  }
}

function isEnd(type: string): boolean {
  return type === "succeeded" || type === "failed" || type === "expired" || type === "cancelled";
}

/** Whether an output is what the ledger keeps, in its envelope. */
function isStoredAs(output: unknown, event: StoredEvent): boolean {
  return event.type === "succeeded" && event.output.endsWith(JSON.stringify(output));
}
