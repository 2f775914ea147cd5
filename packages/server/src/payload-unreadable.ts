/** A stored payload cannot be read here. */
export class PayloadUnreadable extends Error {
  readonly _tag = "PayloadUnreadable";
  /**
   * - `LATER_VERSION`: a process of a later release wrote it, and can read it.
   * - `OTHER_CODEC`: the router's transformer wrote it, and this router has none.
   * - `MALFORMED`: neither JSON nor the transformer makes anything of it.
   */
  readonly code: "LATER_VERSION" | "OTHER_CODEC" | "MALFORMED";

  /** @param sentence what is wrong, to follow "cannot be read:". */
  constructor(code: PayloadUnreadable["code"], sentence: string, cause?: unknown) {
    super(`The stored payload cannot be read: ${sentence}`, { cause });
    this.name = "PayloadUnreadable";
    this.code = code;
  }
}
