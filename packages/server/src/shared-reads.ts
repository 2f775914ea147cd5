import type { Engine } from "@raincheck/engine";

/** How calls are followed and read. */
export type CallReader = Pick<Engine, "subscribe" | "events" | "read">;

/**
 * An engine's reads, shared by those who ask the same at the same moment: a wake reaches everybody who follows a call at once, so a
 * thousand of them make one read.
 *
 * Whoever joins a read has subscribed before it begins, as if it were their own: it begins when all who were woken together have
 * asked, and who comes later makes another.
 */
export function sharedReads(engine: CallReader): CallReader {
  const events = shared<Awaited<ReturnType<Engine["events"]>>>();
  const reads = shared<Awaited<ReturnType<Engine["read"]>>>();
  return {
    subscribe: (id, wake) => engine.subscribe(id, wake),
    events: (id, after, reader) => events(JSON.stringify([id, after, reader.principal]), () => engine.events(id, after, reader)),
    read: (id, reader) => reads(JSON.stringify([id, reader.principal]), () => engine.read(id, reader)),
  };
}

function shared<TAnswer>(): (key: string, read: () => Promise<TAnswer>) => Promise<TAnswer> {
  const gathering = new Map<string, Promise<TAnswer>>();
  return (key, read) => {
    let answer = gathering.get(key);
    if (answer === undefined) {
      // A microtask later: those who were woken together have been queued before it.
      answer = Promise.resolve().then(() => {
        gathering.delete(key);
        return read();
      });
      gathering.set(key, answer);
    }
    return answer;
  };
}
