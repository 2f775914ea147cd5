import { acceptTheme } from "./accept.ts";
import { accessTheme } from "./access.ts";
import { appendTheme } from "./append.ts";
import { asideTheme } from "./aside.ts";
import { cancelTheme } from "./cancel.ts";
import { childrenTheme } from "./children.ts";
import { claimTheme } from "./claim.ts";
import { commitTheme } from "./commit.ts";
import { concurrencyTheme } from "./concurrency.ts";
import { eventsTheme } from "./events.ts";
import { expiryTheme } from "./expiry.ts";
import { idempotencyTheme } from "./idempotency.ts";
import { leaseTheme } from "./lease.ts";
import { listTheme } from "./list.ts";
import { payloadsTheme } from "./payloads.ts";
import { processesTheme } from "./processes.ts";
import { referenceTheme } from "./reference.ts";
import { repeatTheme } from "./repeat.ts";
import { replyTheme } from "./reply.ts";
import { reportTheme } from "./report.ts";
import { retentionTheme } from "./retention.ts";
import { settleTheme } from "./settle.ts";
import { stopTheme } from "./stop.ts";
import { wakeTheme } from "./wake.ts";

/** The whole suite, in the order of a call's life. */
export const themes = [
  acceptTheme,
  idempotencyTheme,
  claimTheme,
  concurrencyTheme,
  asideTheme,
  leaseTheme,
  reportTheme,
  appendTheme,
  settleTheme,
  commitTheme,
  cancelTheme,
  childrenTheme,
  repeatTheme,
  replyTheme,
  eventsTheme,
  wakeTheme,
  expiryTheme,
  retentionTheme,
  listTheme,
  accessTheme,
  payloadsTheme,
  processesTheme,
  stopTheme,
  referenceTheme,
] as const;

/** The names of all tests of the suite. */
export type TestName = NamesOf<(typeof themes)[number]>;

type NamesOf<TTheme> = TTheme extends { readonly tests: Readonly<Record<infer TName, unknown>> } ? TName : never;
