/**
 * Follows the events of some calls. For each call: subscribe, then read what is behind the cursor, then read again at each wake.
 *
 * - A wake only marks a call as changed: however fast a call changes, nothing piles up here. Events are read when the consumer
 *   asks for the next one.
 * - Access is decided at each read. A call that is not the reader's, or no longer, is answered `NOT_FOUND` and let go; the
 *   others go on. And the application is asked again at an interval who the reader is: what it refuses with ends the whole, and to
 *   another reader the calls are read anew.
 * - Calls that are new to the reader, and those that were woken, are read first. Behind a cursor nothing may have happened: calls that come
 *   with one are looked at beside those, so that many of them delay no news.
 * - A cursor is known to be real because the read begins one event before it. That also tells whether the call had ended there,
 *   in which case nothing will ever follow.
 * - When the signal aborts, all subscriptions end at once, even while a read is under way.
 */
import type { EventPage, Reader, StoredEvent } from "@raincheck/engine";
import { type CallId, isTerminalEvent } from "@raincheck/protocol";

import { type Recheck, recheckAccess } from "./recheck-access.ts";
import type { CallReader } from "./shared-reads.ts";

/** A call and the `seq` of the last of its events that is known; 0: none. */
export interface Cursor {
  readonly id: CallId;
  readonly after: number;
}

/** One item of {@link followCalls}. */
export type Followed =
  | { readonly id: CallId; readonly event: StoredEvent }
  | { readonly id: CallId; readonly refused: "NOT_FOUND" | "UNKNOWN_CURSOR"; readonly after: number };

interface OpenCall {
  readonly id: CallId;
  after: number;
  /** Whether an event at the cursor, or the beginning of the call, was seen. */
  confirmed: boolean;
  /** Whether it is among those of which something is new. */
  changed: boolean;
  /** Ends its subscription. */
  unsubscribe: () => void;
}

/** Calls of each line whose events are read at once; the others wait, so that a watch of many calls holds few outputs in memory. */
const readsAtOnce = 16;

/** The events of the calls behind their cursors, as they happen, until all have ended or the signal aborts. See the file's head. */
export async function* followCalls(
  calls: CallReader,
  request: { readonly calls: readonly Cursor[]; readonly reader: Reader; readonly recheck?: Recheck | undefined },
  signal: AbortSignal,
): AsyncGenerator<Followed, void, undefined> {
  const open = new Set<OpenCall>();
  /** Those of which something is new, each once; what was let go since is passed over. */
  const changed: OpenCall[] = [];
  /** Those behind whose cursor something may be new; what was read since is passed over. */
  const unsure: OpenCall[] = [];
  let wake = (): void => {};
  let { reader } = request;
  let refused = null as { readonly error: unknown } | null;
  let endRechecks = (): void => {};

  const letGo = (call: OpenCall): void => {
    if (open.delete(call)) call.unsubscribe();
  };
  const change = (call: OpenCall): void => {
    if (call.changed || !open.has(call)) return;
    call.changed = true;
    changed.push(call);
    wake();
  };
  const throwIfRefused = (): void => {
    if (refused !== null) throw refused.error;
  };
  const letAllGo = (): void => {
    endRechecks();
    for (const call of open) letGo(call);
    wake();
  };
  const told = {
    reader(again: Reader): void {
      if (again.principal === reader.principal) return;
      reader = again;
      for (const call of open) change(call);
    },
    refused(error: unknown): void {
      refused = { error };
      wake();
    },
  };

  signal.addEventListener("abort", letAllGo);
  try {
    if (signal.aborted) return;
    for (const { id, after } of request.calls) {
      const call: OpenCall = { id, after, confirmed: after === 0, changed: false, unsubscribe: () => {} };
      open.add(call);
      call.unsubscribe = calls.subscribe(id, () => change(call));
      if (call.confirmed) change(call);
      else unsure.push(call);
    }
    if (request.recheck !== undefined) endRechecks = recheckAccess(request.recheck, told);

    while (open.size > 0) {
      throwIfRefused();
      if (changed.length + unsure.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const looked = unsure.splice(0, readsAtOnce).filter((call) => !call.confirmed && !call.changed);
      const batch = [...changed.splice(0, readsAtOnce), ...looked].filter((call) => open.has(call));
      for (const call of batch) call.changed = false;
      const pages = await Promise.all(batch.map((call) => calls.events(call.id, call.confirmed ? call.after : call.after - 1, reader)));
      for (const [index, call] of batch.entries()) {
        const page = pages[index] ?? null;
        if (page === null || page.lastSeq < call.after) {
          letGo(call);
          throwIfRefused();
          if (!signal.aborted) yield { id: call.id, refused: page === null ? "NOT_FOUND" : "UNKNOWN_CURSOR", after: call.after };
        } else {
          for (const event of page.events) {
            if (signal.aborted) return;
            throwIfRefused();
            const known = event.seq <= call.after;
            call.after = Math.max(call.after, event.seq);
            call.confirmed = true;
            if (isTerminalEvent(event)) letGo(call);
            if (!known) yield { id: call.id, event };
          }
          if (hasMore(page, call)) change(call);
        }
      }
    }
  } finally {
    signal.removeEventListener("abort", letAllGo);
    letAllGo();
  }
}

function hasMore(page: EventPage, call: OpenCall): boolean {
  return page.events.length > 0 && page.lastSeq > call.after;
}
