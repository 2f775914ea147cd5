/**
 * Counts what passes between a client and Postgres, by the frontend/backend protocol 3: whatever library sends it, and however it does.
 *
 * - **A statement** has been answered by a CommandComplete: `begin`, `commit` and each part of a multi-statement query are statements too.
 * - **A round trip** begins with a message that finds nothing unanswered, and ends with the last ReadyForQuery; so statements that are
 *   sent without waiting for each other share one. A Flush asks for an answer too: what follows it is another round trip.
 * - **A transaction** ends with a ReadyForQuery that says "idle".
 * - **A parse** is a statement that is sent as text, to be planned; the others were prepared before.
 */
export interface WireCounts {
  readonly statements: number;
  readonly roundTrips: number;
  readonly transactions: number;
  readonly parses: number;
}

/** Query, Parse, Bind, Describe, Execute, Close, Sync, Flush; the rest greets, signs in or takes its leave. */
const requests: ReadonlySet<string> = new Set("QPBDECSH");

/** Counts one connection. */
export class WireCounter {
  statements = 0;
  roundTrips = 0;
  transactions = 0;
  parses = 0;
  readonly #fromClient = new MessageReader(false, (type) => this.#asked(type));
  readonly #fromServer = new MessageReader(true, (type, first) => this.#answered(type, first));
  /** Requests that await their ReadyForQuery. */
  #unanswered = 0;
  /** A request is being sent whose end, a Sync, is still to come. */
  #isOpen = false;
  #isFlushed = false;

  client(bytes: Buffer): void {
    this.#fromClient.read(bytes);
  }

  server(bytes: Buffer): void {
    this.#fromServer.read(bytes);
  }

  #asked(type: string): void {
    if (!requests.has(type)) return;
    if (this.#isFlushed || (this.#unanswered === 0 && !this.#isOpen)) this.roundTrips += 1;
    this.#isFlushed = type === "H";
    if (type === "P" || type === "Q") this.parses += 1;
    this.#isOpen = type !== "Q" && type !== "S";
    if (!this.#isOpen) this.#unanswered += 1;
  }

  #answered(type: string, status: string): void {
    if (type === "C") this.statements += 1;
    // The first one ends the greeting, and answers nothing.
    if (type !== "Z" || this.#unanswered === 0) return;
    this.#unanswered -= 1;
    if (status === "I") this.transactions += 1;
  }
}

/** Finds the messages in a stream of bytes: a letter, a length that counts itself, and so many bytes. */
class MessageReader {
  readonly #tell: (type: string, first: string) => void;
  /** The client's first message has no letter. */
  #isGreeted: boolean;
  /** The beginning of a message, until its first byte behind the length is there. */
  #unread: Buffer = Buffer.alloc(0);
  /** Bytes of a message that has been told of. */
  #left = 0;

  constructor(isGreeted: boolean, tell: (type: string, first: string) => void) {
    this.#isGreeted = isGreeted;
    this.#tell = tell;
  }

  read(bytes: Buffer): void {
    const news = bytes.subarray(this.#left);
    this.#left = Math.max(0, this.#left - bytes.length);
    const unread = this.#unread.length === 0 ? news : Buffer.concat([this.#unread, news]);
    let at = 0;
    while (at < unread.length) {
      const body = at + (this.#isGreeted ? 5 : 4);
      if (unread.length < body) break;
      const end = body + unread.readInt32BE(body - 4) - 4;
      if (end > body && unread.length === body) break;
      this.#tell(this.#isGreeted ? String.fromCharCode(unread[at]!) : "", end > body ? String.fromCharCode(unread[body]!) : "");
      this.#isGreeted = true;
      this.#left = Math.max(0, end - unread.length);
      at = end;
    }
    this.#unread = unread.subarray(at);
  }
}
