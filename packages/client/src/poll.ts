import { type CallSnapshot, isTerminal, limits } from "@raincheck/protocol";
import { backoffMs, pause } from "./backoff.ts";
import type { CallsChannel } from "./calls-channel.ts";
import { isRefusal } from "./client-error.ts";
import type { FollowedCall } from "./followed-call.ts";

/**
 * Calls in one round. Links that batch put a round into one URL, which servers and proxies limit to 8 KiB; links that do not,
 * make as many requests of it.
 */
const roundCalls = 50;

/**
 * How long a wait may last when it is not the only one, in milliseconds: a batch is answered when its slowest part is, so a long
 * wait for one call would hold back the end of another.
 */
const sharedWaitMs = 1_000;

/** Whose calls a {@link Poll} asks for. */
export interface PollOwner {
  /** The calls that need it now. */
  wanted(): readonly FollowedCall[];
  /** Whether readers of events are to be left to a subscription. */
  exact(): boolean;
  /** Some of them may have ended or failed. */
  settled(): void;
}

/**
 * Asks for calls by request, in rounds, for as long as any need it: first with `calls.get`, then with `calls.wait`, which
 * answers when the call ends. A single call whose progress nobody wants is waited for up to 30 s at a time.
 */
export class Poll {
  readonly #channel: CallsChannel;
  readonly #owner: PollOwner;
  #running = false;
  #rounds = 0;
  #round: { readonly calls: readonly FollowedCall[]; readonly patient: boolean; readonly abort: AbortController } | null = null;

  constructor(channel: CallsChannel, owner: PollOwner) {
    this.#channel = channel;
    this.#owner = owner;
  }

  /** The owner's calls have changed. */
  wake(): void {
    const wanted = this.#owner.wanted();
    if (!this.#running) {
      if (wanted.length > 0) void this.#run();
      return;
    }
    const round = this.#round;
    if (round === null) return;
    const useless = !round.calls.some((call) => wanted.includes(call));
    if (useless || (round.patient && wanted.some((call) => call !== round.calls[0] || call.wantsProgress))) round.abort.abort();
  }

  async #run(): Promise<void> {
    this.#running = true;
    let failures = 0;
    for (let wanted = this.#owner.wanted(); wanted.length > 0; wanted = this.#owner.wanted()) {
      const calls = [...wanted].sort((a, b) => a.polledAt - b.polledAt).slice(0, roundCalls);
      const patient = wanted.length === 1 && !calls[0]!.wantsProgress && calls[0]!.polledAt > 0;
      const abort = new AbortController();
      this.#round = { calls, patient, abort };
      this.#rounds += 1;
      const answers = await Promise.all(calls.map((call) => this.#ask(call, patient ? limits.waitMs : sharedWaitMs, abort.signal)));
      this.#owner.settled();
      failures = answers.includes(false) ? failures + 1 : 0;
      // An abort ends the pause too: there is somebody new to ask for, or nobody any more.
      if (failures > 0 && !abort.signal.aborted) await pause(backoffMs(failures), abort.signal).catch(() => undefined);
    }
    this.#round = null;
    this.#running = false;
  }

  /** @returns whether there was an answer. */
  async #ask(call: FollowedCall, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const { id } = call;
    try {
      const first = call.polledAt === 0;
      const snapshot: CallSnapshot = first
        ? await this.#channel.get({ id }, { signal })
        : await this.#channel.wait({ id, timeoutMs }, { signal });
      call.polledAt = this.#rounds;
      call.takeSnapshot(snapshot, { exact: this.#owner.exact() && !call.unreadable, now: new Date().toISOString() });
      if (isTerminal(snapshot.state)) this.#owner.settled();
    } catch (error) {
      if (signal.aborted) return true;
      if (!isRefusal(error)) return false;
      call.fail(error);
      this.#owner.settled();
    }
    return true;
  }
}
