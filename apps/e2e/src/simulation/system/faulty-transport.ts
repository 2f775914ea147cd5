import { type Operation, TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { Random } from "../../chaos/random.ts";
import type { SimulatedRouter } from "./application.ts";
import type { SystemTally } from "./system-tally.ts";

/** How likely each fault between a client and the API is. */
export interface TransportRates {
  readonly loseRequest: number;
  readonly loseAnswer: number;
  readonly repeat: number;
}

/** A transport without faults. */
export const soundTransport: TransportRates = { loseRequest: 0, loseAnswer: 0, repeat: 0 };

/** How a subscription is cut: as lost, as ended by the server, or as one that the link makes again by itself. */
type Cut = "lost" | "ended" | "resumed";

/** What stands between one client and the API. */
export class FaultyTransport {
  rates: TransportRates;
  /** The client is dead: it hears nothing. */
  isDead = false;
  /** An event has come over a subscription: from here on the client tells events from the log alone. */
  hasSubscribed = false;
  readonly #random: Random;
  readonly #tally: SystemTally;
  readonly #subscriptions = new Set<(cut: Cut) => void>();

  constructor(rates: TransportRates, random: Random, tally: SystemTally) {
    this.rates = rates;
    this.#random = random;
    this.#tally = tally;
  }

  /** Cuts every subscription that is open. */
  cut(): void {
    for (const cutOne of Array.from(this.#subscriptions)) {
      this.#tally.subscriptionCut += 1;
      cutOne(this.#random.weighted({ lost: 1, ended: 1, resumed: 2 }));
    }
  }

  /** To stand before the link that reaches the API. */
  readonly link: TRPCLink<SimulatedRouter> =
    () =>
    ({ op, next }) =>
      op.type === "subscription" ? this.#subscribe(op, next) : this.#request(op, next);

  #request(op: Operation, next: Next): Result {
    return observable((observer) => {
      const random = this.#random;
      if (this.isDead) return;
      if (random.chance(this.rates.loseRequest)) {
        this.#tally.clientRequestLost += 1;
        return afterwards(() => observer.error(lost()));
      }
      const inner = next(op).subscribe({
        next: (value) => {
          if (this.isDead) return;
          if (!random.chance(this.rates.loseAnswer)) return observer.next(value);
          this.#tally.clientAnswerLost += 1;
          observer.error(lost());
        },
        error: (error) => !this.isDead && observer.error(error),
        complete: () => !this.isDead && observer.complete(),
      });
      return () => inner.unsubscribe();
    });
  }

  #subscribe(op: Operation, next: Next): Result {
    return observable((observer) => {
      let lastEventId: string | null = null;
      let close = (): void => undefined;
      const open = (): void => {
        const input = lastEventId === null ? op.input : { ...(op.input as object), lastEventId };
        const inner = next({ ...op, input }).subscribe({
          next: (value) => {
            if (this.isDead) return;
            observer.next(value);
            const { result } = value;
            if (result.type !== undefined && result.type !== "data") return;
            this.hasSubscribed = true;
            if (typeof result.data === "object" && result.data !== null && "id" in result.data) lastEventId = String(result.data.id);
            if (!this.#random.chance(this.rates.repeat)) return;
            this.#tally.messageRepeated += 1;
            observer.next(value);
          },
          error: (error) => !this.isDead && observer.error(error),
          complete: () => !this.isDead && observer.complete(),
        });
        close = () => inner.unsubscribe();
      };
      const cutOne = (cut: Cut): void => {
        close();
        if (this.isDead) return;
        if (cut === "lost") return observer.error(lost());
        if (cut === "ended") return observer.complete();
        this.#tally.subscriptionResumed += 1;
        observer.next({ result: { type: "state", state: "connecting", error: lost() } });
        const timer = setTimeout(open, this.#random.below(400));
        close = () => clearTimeout(timer);
      };
      this.#subscriptions.add(cutOne);
      open();
      return () => {
        this.#subscriptions.delete(cutOne);
        close();
      };
    });
  }
}

type LinkCall = Parameters<ReturnType<TRPCLink<SimulatedRouter>>>[0];
type Next = LinkCall["next"];
type Result = ReturnType<Next>;

/** What a client gets when there is no answer. */
function lost(): TRPCClientError<SimulatedRouter> {
  return TRPCClientError.from(new Error("The connection was lost."));
}

/** A request that is lost is not known to be lost at once. */
function afterwards(act: () => void): () => void {
  const timer = setTimeout(act, 20);
  return () => clearTimeout(timer);
}
