/**
 * The board on which a process notes its attempts for its lease thread: memory that both share, because a process whose event loop is
 * held can send nothing. Noting an attempt costs no message and wakes nobody.
 *
 * Layout: two times, of the last beat and of the last extension, and then one place for each attempt. Times are milliseconds of the
 * machine's monotonic clock, which is the same in every thread.
 */
import type { AttemptRef } from "../../attempt.ts";

const idBytes = 36;
const placeBytes = 64;
const headBytes = 64;
const encoder = new TextEncoder();
/** Offsets in a place: the id is at 0. */
const attemptAt = 40;
const takenAt = 44;
const untilAt = 48;

/** See the file's head. */
export class LeaseBoard {
  /** What is handed to the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #times: BigInt64Array;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #taken: Int32Array;
  readonly #free: number[];

  /** @param memory of another thread's board, to read it here. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#times = new BigInt64Array(memory, 0, 2);
    this.#view = new DataView(memory);
    this.#bytes = new Uint8Array(memory);
    this.#taken = new Int32Array(memory);
    this.#free = Array.from({ length: (memory.byteLength - headBytes) / placeBytes }, (_, place) => headBytes + place * placeBytes);
  }

  /** A board with room for so many attempts. */
  static ofSize(places: number): LeaseBoard {
    return new LeaseBoard(new SharedArrayBuffer(headBytes + places * placeBytes));
  }

  /** Notes an attempt; the returned function wipes it out. Without room it is not noted. */
  note({ id, attempt }: AttemptRef, untilMs: number): () => void {
    const at = this.#free.pop();
    if (at === undefined) return () => {};
    encoder.encodeInto(id, this.#bytes.subarray(at, at + idBytes));
    this.#view.setInt32(at + attemptAt, attempt, true);
    this.#view.setFloat64(at + untilAt, untilMs, true);
    Atomics.store(this.#taken, (at + takenAt) / 4, 1);
    return () => {
      if (Atomics.exchange(this.#taken, (at + takenAt) / 4, 0) === 1) this.#free.push(at);
    };
  }

  /** The attempts whose time is not up. */
  noted(nowMs: number): AttemptRef[] {
    const found: AttemptRef[] = [];
    for (let at = headBytes; at < this.memory.byteLength; at += placeBytes) {
      if (Atomics.load(this.#taken, (at + takenAt) / 4) === 0 || this.#view.getFloat64(at + untilAt, true) <= nowMs) continue;
      // A decoder takes no shared memory.
      const id = new TextDecoder().decode(this.#bytes.slice(at, at + idBytes));
      found.push({ id, attempt: this.#view.getInt32(at + attemptAt, true) });
    }
    return found;
  }

  /** When the event loop was last alive; 0: never. */
  get beatMs(): number {
    return Number(Atomics.load(this.#times, 0));
  }

  set beatMs(atMs: number) {
    Atomics.store(this.#times, 0, BigInt(Math.floor(atMs)));
  }

  /** When the last extension of the thread was sent that was answered; 0: none was. */
  get extendedMs(): number {
    return Number(Atomics.load(this.#times, 1));
  }

  set extendedMs(atMs: number) {
    Atomics.store(this.#times, 1, BigInt(Math.floor(atMs)));
  }
}

/** The machine's monotonic clock in milliseconds: the same in every thread, unlike `performance.now()`. */
export function machineMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
