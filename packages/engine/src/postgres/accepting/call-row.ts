import { hash } from "node:crypto";
import type { NewCall } from "../../new-call.ts";

/** A call to accept, with what the ledger keeps of it beside what was given. */
export interface CallRow {
  readonly call: NewCall;
  /** In hex; `null` without a key. */
  readonly keyHash: string | null;
  /** In hex. */
  readonly inputHash: string;
  readonly parked: boolean;
}

/** Makes the row of a call. */
export function toRow(call: NewCall, parked: boolean): CallRow {
  return { call, keyHash: keyHashOf(call), inputHash: sha256(call.input), parked };
}

/** What the ledger knows a call's idempotency key by, in hex; `null`: it has none. */
export function keyHashOf({ principal, path, idempotencyKey }: NewCall): string | null {
  return idempotencyKey === null ? null : sha256(JSON.stringify([principal, path, idempotencyKey]));
}

/** Its SHA-256, in hex. */
export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}
