/**
 * Sessions: connections that live once.
 *
 * A pool of postgres.js reconnects under the hands of whoever uses it, and then two things happen that a ledger cannot have
 * (release 3.4.9): a statement of a transaction whose connection has died is written to a socket that is no more, which ends
 * the process with an exception that nobody can catch (github.com/porsager/postgres/issues/1208), and the types that each new
 * connection asks for reject unheard when it dies in that moment. So a session is one instance of postgres.js with one
 * connection, which is refused a second one. When it breaks, what it was doing rejects, it is dropped, and the next user gets
 * another.
 */
import type { Sql } from "postgres";
import { type Session, type SessionOptions, closeSession, openSession } from "./session.ts";
import { begin, setLimits } from "./session-limits.ts";
import { isAnswered, isUnanswered } from "./unavailable.ts";
import { connectionError } from "./wire.ts";

/** How sessions are made. */
export interface SessionsOptions extends SessionOptions {
  /** Sessions at once, at most. Whoever comes when all are in use waits for the first that is free. */
  readonly max: number;
}

/** A bounded number of sessions. */
export interface Sessions {
  /** The statement that begins a transaction. */
  readonly begin: string;
  /**
   * Runs `work` with a session that nobody else uses meanwhile. Its statements are sent in their order, without waiting for each other.
   * After `discard` the session has no next user: for one that is in a state that nobody knows.
   */
  use<TValue>(work: (session: Sql, discard: () => void) => Promise<TValue>): Promise<TValue>;
  /** Waits `timeoutMs` for the sessions that are in use, and closes all. Further uses reject. */
  end(timeoutMs: number): Promise<void>;
}

/** Makes sessions; none is opened before it is used. */
export function openSessions(options: SessionsOptions): Sessions {
  const { outages } = options;
  const idle: Session[] = [];
  const inUse = new Set<Session>();
  const waiting: { take: (session: Session) => void; refuse: (error: Error) => void }[] = [];
  let ended = false;
  let drained = () => {};
  outages?.onBegin((error) => {
    for (const { refuse } of waiting.splice(0)) refuse(error);
    for (const session of inUse) session.destroy(error);
    for (const session of idle.splice(0)) void closeSession(session);
  });

  function acquire(): Session | Promise<Session> {
    if (ended) throw connectionError("CONNECTION_ENDED");
    const refusal = outages?.refusal();
    if (refusal) throw refusal;
    const found = idle.pop() ?? (inUse.size < options.max ? openSession(options) : null);
    if (found === null) return new Promise((take, refuse) => waiting.push({ take, refuse }));
    inUse.add(found);
    return found.broken ? reopen(found) : found;
  }

  function reopen(broken: Session): Session {
    drop(broken);
    const session = openSession(options);
    inUse.add(session);
    return session;
  }

  function release(session: Session): void {
    const next = waiting.shift();
    if (next !== undefined) return next.take(session.broken ? reopen(session) : session);
    inUse.delete(session);
    if (session.broken || ended) void closeSession(session);
    else idle.push(session);
    if (ended && inUse.size === 0) drained();
  }

  function drop(session: Session): void {
    inUse.delete(session);
    void closeSession(session);
  }

  return {
    begin: options.isPooled ? `${begin}; ${setLimits(options.limits, "local")}` : begin,
    async use(work) {
      const session = await acquire();
      session.watch(true);
      try {
        // postgres.js does not reject a statement that is sent between a socket's error and its close.
        const value = await unlessClosed(
          session,
          work(session.sql, () => void (session.broken = true)),
        );
        outages?.heard();
        return value;
      } catch (error) {
        if (isUnanswered(error)) outages?.unheard(error);
        if (isAnswered(error)) outages?.heard();
        throw error;
      } finally {
        session.watch(false);
        release(session);
      }
    },
    async end(timeoutMs) {
      ended = true;
      for (const { refuse } of waiting.splice(0)) refuse(connectionError("CONNECTION_ENDED"));
      if (inUse.size > 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          drained = resolve;
          timer = setTimeout(resolve, timeoutMs);
        });
        clearTimeout(timer);
      }
      await Promise.all([...idle.splice(0), ...inUse].map(closeSession));
    },
  };
}

/**
 * The answer, or the end of the session if that comes first. Not `Promise.race` with a promise of that end: it would keep every answer
 * for as long as the session lives.
 */
function unlessClosed<TValue>(session: Session, answer: Promise<TValue>): Promise<TValue> {
  return new Promise((resolve, reject) => {
    const leave = session.onClosed(reject);
    answer.then(resolve, reject).finally(leave);
  });
}
