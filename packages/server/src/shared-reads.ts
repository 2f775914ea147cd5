import type { Engine } from "@raincheck/engine";

import { takeTurns } from "./turns.ts";

/** How calls are followed and read. */
export type CallReader = Pick<Engine, "subscribe" | "events" | "read">;

/** See {@link sharedReads}. */
export interface SharedReads extends CallReader {
  /** Resolves when nobody waits to be handed an answer: what follows on the last event of a call delays that of no other. */
  rest(): Promise<void>;
}

/** Who is handed an answer in one turn of the event loop. */
const toldAtOnce = 16;

/**
 * An engine's reads, shared by those who ask the same at the same moment: a wake reaches everybody who follows a call at once, so a
 * thousand of them make one read.
 *
 * Whoever joins a read has subscribed before it begins, as if it were their own: it begins when all who were woken together have
 * asked, and who comes later makes another.
 *
 * Its answer is handed out in turns. What tRPC makes of an event for one connection is on the wire, and garbage, before the next few have
 * theirs; told all at once, nobody would hear of it before the last, and the garbage of all together would outlive the young space.
 */
export function sharedReads(engine: CallReader): SharedReads {
  const turns = takeTurns(toldAtOnce);

  function shared<TAnswer>(): (key: string, read: () => Promise<TAnswer>) => Promise<TAnswer> {
    const gathering = new Map<string, { readonly answer: Promise<TAnswer>; asked: number }>();
    return async (key, read) => {
      let one = gathering.get(key);
      if (one === undefined) {
        // A microtask later: those who were woken together have been queued before it.
        const answer = Promise.resolve().then(() => {
          gathering.delete(key);
          return read();
        });
        gathering.set(key, (one = { answer, asked: 0 }));
      }
      const place = one.asked++;
      const answer = await one.answer;
      if (place >= toldAtOnce) await turns.urgent();
      return answer;
    };
  }

  const events = shared<Awaited<ReturnType<Engine["events"]>>>();
  const reads = shared<Awaited<ReturnType<Engine["read"]>>>();
  return {
    subscribe: (id, wake) => engine.subscribe(id, wake),
    events: (id, after, reader) => events(JSON.stringify([id, after, reader.principal]), () => engine.events(id, after, reader)),
    read: (id, reader) => reads(JSON.stringify([id, reader.principal]), () => engine.read(id, reader)),
    rest: () => turns.other(),
  };
}
