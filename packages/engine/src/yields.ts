import type { Payload } from "./payload.ts";

/** Some of the values that an attempt has yielded, one behind the other. */
export interface Yields {
  /** How many the attempt yielded before these: by it a batch that is sent again is known. */
  readonly after: number;
  readonly values: readonly Payload[];
}
