/**
 * The id of a call: a version-4 UUID (RFC 9562) in lower case, so 122 random bits. It is unguessable, which is what makes
 * the calls of an anonymous principal private to whoever holds the id.
 */
export type CallId = string;

const callIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether a value read from a wire is a well-formed {@link CallId}. Says nothing of whether such a call exists. */
export function isCallId(value: unknown): value is CallId {
  return typeof value === "string" && callIdPattern.test(value);
}

/**
 * Makes a call id of 16 random bytes.
 *
 * @param random 16 bytes from a cryptographic source; the version and variant bits are overwritten.
 */
export function callIdFrom(random: Uint8Array): CallId {
  if (random.length !== 16) throw new RangeError(`A call id is made of 16 random bytes, not ${random.length}.`);
  const bytes = Uint8Array.from(random);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
