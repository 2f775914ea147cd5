/** What the tests read with, and what they wait for. */
import type { CallEvent, CallId } from "@raincheck/protocol";
import type { ScriptedCalls } from "./scripted-calls.ts";
import type { Served } from "./served.ts";

/** Everything that an iterator gives. */
export async function collect<TEvent>(events: AsyncIterable<TEvent>): Promise<TEvent[]> {
  const all: TEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The numbers of some events. */
export const seqs = (events: readonly CallEvent[]): number[] => events.map(({ seq }) => seq);

/** Until no subscription is open. */
export const closed = ({ script }: Served): Promise<void> => script.until(() => script.openWatches === 0);

/** Until a subscription names the call. */
export const watched = (script: ScriptedCalls, id: CallId): Promise<void> =>
  script.until(() => script.watches.some(({ calls }) => calls.some((call) => call.id === id)));
