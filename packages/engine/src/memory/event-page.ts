import { type EventPage, type StoredEvent, eventPageBytes } from "../call-record.ts";

/** Events in one page at most. */
const pageEvents = 1_000;

/** The events behind a cursor, as far as they fit into a page. */
export function eventPage(all: readonly StoredEvent[], after: number): EventPage {
  const events: StoredEvent[] = [];
  let bytes = 0;
  for (let index = Math.max(0, after); index < all.length && events.length < pageEvents && bytes < eventPageBytes; index += 1) {
    const event = all[index]!;
    events.push(event);
    if (event.type === "progress" || event.type === "yielded") bytes += event.value.length;
  }
  return { lastSeq: all.length, events };
}
