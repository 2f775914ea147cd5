import type { CallId } from "@raincheck/protocol";
import { Heap } from "./heap.ts";
import type { MemoryCall } from "./memory-call.ts";

/** The calls of a memory engine with every order in which they are looked up. It decides nothing. */
export class MemoryLedger {
  readonly #calls = new Map<CallId, MemoryCall>();
  readonly #byKey = new Map<string, MemoryCall>();
  readonly #byPrincipal = new Map<string, Set<MemoryCall>>();
  /** By parent. */
  readonly #children = new Map<CallId, Set<MemoryCall>>();
  /** By queue, in lines: calls without a limit stand in one, limited calls in one for each path, those set aside too. */
  readonly #runnable = new Map<string, Map<string, Heap<MemoryCall>>>();
  readonly #lineOf = new Map<MemoryCall, string>();
  /** By path, the limited calls that run. */
  readonly #limited = new Map<string, Set<MemoryCall>>();
  readonly #due = new Heap<Due>((one, other) => one.ms < other.ms);
  readonly #dueOf = new Map<MemoryCall, Due>();

  /** The call of an id. */
  find(id: CallId): MemoryCall | undefined {
    return this.#calls.get(id);
  }

  /** The call that a new call is the same as: by its id, or by what else names it. */
  findSame(id: CallId, key: string | null): MemoryCall | undefined {
    return this.#calls.get(id) ?? (key === null ? undefined : this.#byKey.get(key));
  }

  /** A principal's calls, the oldest first. */
  ofPrincipal(principal: string): readonly MemoryCall[] {
    return [...(this.#byPrincipal.get(principal) ?? [])];
  }

  /** The calls whose parent this is. */
  childrenOf({ given }: MemoryCall): readonly MemoryCall[] {
    return [...(this.#children.get(given.id) ?? [])];
  }

  /**
   * The call of these queues to claim first, by priority, then age, of those whose path has room. One that is withheld is among them
   * as long as it has not been set aside.
   */
  firstRunnable(queues: readonly string[], isWithheld: (path: string) => boolean): MemoryCall | undefined {
    let first: MemoryCall | undefined;
    for (const queue of queues) {
      for (const line of this.#runnable.get(queue)?.values() ?? []) {
        const call = line.first();
        if (call === undefined || !this.#hasRoom(call) || (call.isAside && isWithheld(call.given.path))) continue;
        if (first === undefined || runsBefore(call, first)) first = call;
      }
    }
    return first;
  }

  #hasRoom({ given: { path, concurrency } }: MemoryCall): boolean {
    return concurrency === null || (this.#limited.get(path)?.size ?? 0) < concurrency;
  }

  /** The queues that have a call to claim, if its path has room. */
  runnableQueues(): readonly string[] {
    return [...this.#runnable.keys()];
  }

  /** The moment at which time next changes some call; `Infinity` when it changes none. */
  nextDueMs(): number {
    return this.#due.first()?.ms ?? Infinity;
  }

  /** The call that is due first, if it is due by now. */
  nextDue(nowMs: number): MemoryCall | undefined {
    const due = this.#due.first();
    return due !== undefined && due.ms <= nowMs ? due.call : undefined;
  }

  /** Takes a new call in; {@link MemoryLedger.place} must follow. */
  add(call: MemoryCall): void {
    const { id, principal } = call.given;
    this.#calls.set(id, call);
    if (call.key !== null) this.#byKey.set(call.key, call);
    if (principal !== null) addTo(this.#byPrincipal, principal, call);
    if (call.parentId !== null) addTo(this.#children, call.parentId, call);
  }

  /**
   * Puts a call where it belongs after it changed.
   *
   * @returns whether it may be claimed, if its path has room.
   */
  place(call: MemoryCall, nowMs: number): boolean {
    const due = this.#dueOf.get(call) ?? { call, ms: 0 };
    due.ms = call.dueMs(nowMs);
    this.#dueOf.set(call, due);
    this.#due.put(due);

    this.#placeLimited(call);
    if (!call.isRunnable(nowMs)) {
      this.#removeRunnable(call);
      return false;
    }
    const { queue } = call.given;
    const name = lineOf(call);
    if (this.#lineOf.get(call) !== name) this.#removeRunnable(call);
    this.#lineOf.set(call, name);
    const lines = this.#runnable.get(queue) ?? new Map<string, Heap<MemoryCall>>();
    this.#runnable.set(queue, lines);
    const line = lines.get(name) ?? new Heap(runsBefore);
    lines.set(name, line);
    line.put(call);
    return true;
  }

  /** Calls of these queues that were set aside. */
  aside(queues: readonly string[]): readonly MemoryCall[] {
    return [...this.#lineOf.keys()].filter((call) => call.isAside && queues.includes(call.given.queue));
  }

  /** Forgets a call, its events and its idempotency key. */
  remove(call: MemoryCall): void {
    const { id, principal } = call.given;
    this.#calls.delete(id);
    if (call.key !== null) this.#byKey.delete(call.key);
    if (principal !== null) removeFrom(this.#byPrincipal, principal, call);
    if (call.parentId !== null) removeFrom(this.#children, call.parentId, call);
    this.#removeRunnable(call);
    const due = this.#dueOf.get(call);
    if (due !== undefined) this.#due.remove(due);
    this.#dueOf.delete(call);
  }

  #removeRunnable(call: MemoryCall): void {
    const { queue } = call.given;
    const lines = this.#runnable.get(queue);
    const name = this.#lineOf.get(call);
    if (name === undefined) return;
    const line = lines?.get(name);
    line?.remove(call);
    this.#lineOf.delete(call);
    if (line?.size === 0) lines?.delete(name);
    if (lines?.size === 0) this.#runnable.delete(queue);
  }

  #placeLimited(call: MemoryCall): void {
    const { path, concurrency } = call.given;
    if (concurrency === null) return;
    const running = this.#limited.get(path) ?? new Set();
    if (call.folded.state === "running") running.add(call);
    else running.delete(call);
    if (running.size === 0) this.#limited.delete(path);
    else this.#limited.set(path, running);
  }
}

interface Due {
  readonly call: MemoryCall;
  ms: number;
}

function addTo(groups: Map<string, Set<MemoryCall>>, name: string, call: MemoryCall): void {
  const calls = groups.get(name);
  if (calls === undefined) groups.set(name, new Set([call]));
  else calls.add(call);
}

function removeFrom(groups: Map<string, Set<MemoryCall>>, name: string, call: MemoryCall): void {
  const calls = groups.get(name);
  calls?.delete(call);
  if (calls?.size === 0) groups.delete(name);
}

/** The name of the line that a call stands in. */
function lineOf({ given: { path, concurrency }, isAside }: MemoryCall): string {
  if (concurrency === null) return isAside ? `aside:${path}` : "all";
  return `${isAside ? "limited-aside" : "limited"}:${path}`;
}

function runsBefore(one: MemoryCall, other: MemoryCall): boolean {
  return one.given.priority === other.given.priority ? one.number < other.number : one.given.priority > other.given.priority;
}
