/**
 * How the values of a call become the text that the engine keeps, and come back as they were.
 *
 * The text is the JSON of what the router's transformer makes of the value: the same form that crosses the wire, so an output
 * that was kept reads like one that was just returned. `JSON.stringify` escapes U+0000 and lone surrogates, so the text holds
 * neither. A value of `undefined` is the text `undefined`, which is no JSON. What would be lost is refused here, at the edge. The text
 * stands in an envelope (`payload-envelope.ts`), which no limit of bytes counts.
 */
import type { Payload } from "@raincheck/engine";
import { limits } from "@raincheck/protocol";
import type { TRPCCombinedDataTransformer, TRPCDataTransformer } from "@trpc/server";

import { findStorageFault, isDeeperThan, tooDeep } from "./check-storable.ts";
import { seal, unseal } from "./payload-envelope.ts";
import { PayloadUnreadable } from "./payload-unreadable.ts";
import { PayloadRefused, type PayloadSubject } from "./payload-refused.ts";
import { readSafely } from "./read-safely.ts";

/** One direction of a transformer. */
export interface PayloadCodec {
  /**
   * @throws {PayloadRefused} when something of the value would be lost, or its text has more than `maxBytes` bytes of UTF-8.
   */
  encode(value: unknown, bounds: { readonly subject: PayloadSubject; readonly maxBytes: number }): Payload;
  /** @throws {PayloadUnreadable} for text that this codec cannot read. */
  decode(payload: Payload): unknown;
  /**
   * What crosses the wire for a payload: the value itself as JSON, or what the transformer makes of it.
   *
   * @throws {PayloadUnreadable} as `decode`.
   */
  toWire(payload: Payload): unknown;
}

/** The codecs of a router. */
export interface RouterCodecs {
  /** For inputs. */
  readonly input: PayloadCodec;
  /** For outputs and progress. */
  readonly output: PayloadCodec;
}

const textOfUndefined = "undefined";

/** The codecs for a router's transformer; `null`: plain JSON. */
export function routerCodecs(transformer: TRPCCombinedDataTransformer | null): RouterCodecs {
  if (transformer === null) return { input: plainCodec, output: plainCodec };
  return { input: transformedCodec(transformer.input), output: transformedCodec(transformer.output) };
}

/** Plain JSON. */
export const plainCodec: PayloadCodec = {
  encode: (value, bounds) => seal(toText(value, { ...bounds, maxDepth: limits.payloadDepth, exact: false }), "json"),
  decode: plainValue,
  toWire: plainValue,
};

/** For what `capture` returns: JSON that comes back exactly as it was, whatever transformer the router has. */
export const contextCodec: PayloadCodec = {
  encode: (value, bounds) => seal(toText(value, { ...bounds, maxDepth: limits.payloadDepth, exact: true }), "json"),
  decode: plainValue,
  toWire: plainValue,
};

function transformedCodec(transformer: TRPCDataTransformer): PayloadCodec {
  return {
    encode(value, bounds) {
      // A transformer recurses: it must not meet what overflows its stack.
      if (isDeeperThan(value, limits.payloadDepth)) {
        throw new PayloadRefused(bounds.subject, tooDeep(limits.payloadDepth));
      }
      const serialized = guarded(bounds.subject, "the router's transformer refused it", () => transformer.serialize(value) as unknown);
      // What a transformer makes of a value is deeper than the value: a Map is an array of pairs, and its notes nest too.
      return seal(toText(serialized, { ...bounds, maxDepth: 4 * limits.payloadDepth, exact: false }), "transformer");
    },
    decode(payload) {
      const { text, by } = unseal(payload);
      const value = fromText(text);
      // Written before the router had its transformer.
      if (by === "json") return value;
      return readable("the router's transformer refused it", () => transformer.deserialize(value) as unknown);
    },
    toWire(payload) {
      const { text, by } = unseal(payload);
      const value = fromText(text);
      return by === "json" ? readable("the router's transformer refused it", () => transformer.serialize(value) as unknown) : value;
    },
  };
}

interface TextRules {
  readonly subject: PayloadSubject;
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly exact: boolean;
}

function toText(value: unknown, rules: TextRules): Payload {
  const fault = guarded(rules.subject, "it could not be read", () => findStorageFault(value, rules));
  if (fault !== null) throw new PayloadRefused(rules.subject, fault);
  const text = guarded(rules.subject, "JSON refused it", () => JSON.stringify(value) as string | undefined) ?? textOfUndefined;
  const bytes = Buffer.byteLength(text);
  if (bytes > rules.maxBytes)
    throw new PayloadRefused(rules.subject, { code: "TOO_LARGE", sentence: `it has ${bytes} bytes, and ${rules.maxBytes} are allowed.` });
  return text;
}

function plainValue(payload: Payload): unknown {
  const { text, by } = unseal(payload);
  if (by === "transformer")
    throw new PayloadUnreadable("OTHER_CODEC", "the router's transformer wrote it, and the router of this process has none.");
  return fromText(text);
}

function fromText(text: string): unknown {
  return text === textOfUndefined ? undefined : readable("it is no JSON", () => JSON.parse(text) as unknown);
}

function readable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new PayloadUnreadable("MALFORMED", `${what}.`, cause);
  }
}

/**
 * Runs code that belongs to the value or the transformer; whatever it throws becomes a refusal. What that says is for the log, as the
 * refusal's cause: a caller sees only what was said of the input it sent itself.
 */
function guarded<T>(subject: PayloadSubject, what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const message = readSafely(error, "message");
    const detail = subject === "input" && typeof message === "string" ? `: ${message.slice(0, 300)}` : ".";
    throw new PayloadRefused(subject, { code: "NOT_STORABLE", sentence: `${what}${detail}` }, error);
  }
}
