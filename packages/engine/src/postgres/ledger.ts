import type { Delivery } from "../delivery/delivery.ts";
import type { NewCall } from "../new-call.ts";
import type { AsidePaths } from "./aside/aside-paths.ts";
import type { Gate } from "./claiming/gate.ts";
import type { WhereIs } from "./accepting/join.ts";
import type { Outages } from "./sessions/outage.ts";
import type { Sessions } from "./sessions/sessions.ts";
import type { Wakes } from "./waking/wake.ts";

/** What the verbs of the Postgres engine share. */
export interface Ledger {
  /** Of the database, the embedded one's too. */
  readonly url: string;
  /** A checked identifier, safe to stand in SQL. */
  readonly schema: string;
  /** The engine's own short statements: never shared with the application, so that it cannot starve them. */
  readonly control: Sessions;
  /** Transactions that hold the application's writes. */
  readonly application: Sessions;
  readonly delivery: Delivery;
  readonly wakes: Wakes;
  readonly gate: Gate;
  /** What was accepted in a transaction of the engine's own, to be woken when it has committed. */
  readonly acceptedIn: WeakMap<object, NewCall[]>;
  readonly whereIs: WhereIs;
  readonly aside: AsidePaths;
  readonly outages: Outages;
}
