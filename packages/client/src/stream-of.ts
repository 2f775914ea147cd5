import { toClientError } from "./client-error.ts";
import type { AnyHandle } from "./handle.ts";

/**
 * What a streaming call tells, as tRPC gives it in sync mode: its values, then its result as what the iteration returns.
 *
 * @throws {TRPCClientError} when the call ends without a result; when an attempt ends of which values were handed out, for the next tells
 *   them anew, and they cannot be taken back; and when events are missing, because no subscription works.
 */
export async function* streamOf(handle: AnyHandle, signal: AbortSignal | undefined): AsyncGenerator<unknown, unknown, undefined> {
  let seq = 0;
  let told = false;
  try {
    for await (const event of handle.events({ signal })) {
      if (event.seq !== ++seq) throw new Error("A stream needs a subscription.");
      if (event.type === "yielded") {
        told = true;
        yield event.value;
      } else if (event.type === "retrying" && told) throw new Error("The attempt has ended. A handle follows a call through all of them.");
    }
    return await handle.result({ signal });
  } catch (error) {
    throw toClientError(error, handle.path);
  }
}
