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
  /** Of the header, and of the first byte behind it, until they are complete. */
  #head = Buffer.alloc(0);
  #left = 0;
  readonly #tell: (type: string, first: string) => void;
  /** The client's first message has no letter. */
  #isGreeted: boolean;

  constructor(isGreeted: boolean, tell: (type: string, first: string) => void) {
    this.#isGreeted = isGreeted;
    this.#tell = tell;
  }

  read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      const letters = this.#isGreeted ? 1 : 0;
      this.#head = Buffer.concat([this.#head, bytes.subarray(at, at + 1)]);
      at += 1;
      if (this.#head.length < letters + 4) continue;
      const length = this.#head.readInt32BE(letters) - 4;
      if (this.#head.length === letters + 4 && length > 0) continue;
      const type = this.#isGreeted ? String.fromCharCode(this.#head[0]!) : "";
      const first = length > 0 ? String.fromCharCode(this.#head.at(-1)!) : "";
      this.#left = Math.max(0, length - 1);
      this.#head = Buffer.alloc(0);
      this.#isGreeted = true;
      this.#tell(type, first);
    }
  }
}
