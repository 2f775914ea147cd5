/**
 * What stands before each stored payload: `~`, the version of this form, and which codec wrote the text behind it.
 *
 * ```
 *   ~1j{"airport":"OAK"}     version 1, plain JSON
 *   ~1t{"json":{…}}          version 1, JSON of what the router's transformer made
 * ```
 *
 * So a process of another release, or of a deploy that gave the router a transformer, reads what is there or refuses it in so many words.
 * A later release that needs another form must read it for one release before it writes it, as with the ledger's migrations: then
 * processes of two neighbouring releases read each other. Text without an envelope is of a release before there was one: the router's
 * codec wrote it.
 */
import { PayloadUnreadable } from "./payload-unreadable.ts";

/** The version that this release writes, and the latest that it reads. */
const version = 1;

/** Which codec wrote a payload: `json` needs nothing to be read, `transformer` the router's transformer. */
export type WrittenBy = "json" | "transformer";

const letters = { json: "j", transformer: "t" } as const satisfies Record<WrittenBy, string>;

const head = /^~(\d{1,9})([a-z])/;

/** Puts a text into its envelope. */
export function seal(text: string, by: WrittenBy): string {
  return `~${version}${letters[by]}${text}`;
}

/**
 * Takes a text out of its envelope; `by` is `null` when it has none.
 *
 * @throws {PayloadUnreadable} when the envelope is of a later release, or none at all.
 */
export function unseal(payload: string): { readonly text: string; readonly by: WrittenBy | null } {
  // No JSON begins so, and `undefined` does not either.
  if (!payload.startsWith("~")) return { text: payload, by: null };
  const [whole, number, letter] = head.exec(payload) ?? [];
  if (whole === undefined) throw new PayloadUnreadable("MALFORMED", "its envelope cannot be read.");
  if (Number(number) > version)
    throw new PayloadUnreadable("LATER_VERSION", `it has version ${number}, of a later release; this one reads up to version ${version}.`);
  const text = payload.slice(whole.length);
  if (letter === letters.json) return { text, by: "json" };
  if (letter === letters.transformer) return { text, by: "transformer" };
  throw new PayloadUnreadable("MALFORMED", `it was written by an unknown codec, ${letter}.`);
}
