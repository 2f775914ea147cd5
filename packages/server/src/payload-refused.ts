/** What a payload is of a call. */
export type PayloadSubject = "input" | "output" | "progress" | "yield" | "context";

/** A value cannot be kept as it is. Nothing of it was stored. */
export class PayloadRefused extends Error {
  readonly _tag = "PayloadRefused";
  /** `NOT_STORABLE`: something in it would be lost. `TOO_LARGE`: it has more bytes than its limit. */
  readonly code: "NOT_STORABLE" | "TOO_LARGE";
  readonly subject: PayloadSubject;

  /** @param fault.sentence what is wrong and the mend, to follow "cannot be kept:". */
  constructor(subject: PayloadSubject, fault: { readonly code: PayloadRefused["code"]; readonly sentence: string }, cause?: unknown) {
    super(`The ${subject} cannot be kept: ${fault.sentence}`, { cause });
    this.name = "PayloadRefused";
    this.code = fault.code;
    this.subject = subject;
  }
}
