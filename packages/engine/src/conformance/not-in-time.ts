/** Something that a test waited for did not come. */
export class NotInTime extends Error {
  readonly _tag = "NotInTime";

  constructor(what: string, patienceMs: number) {
    super(`Not within ${patienceMs} ms: ${what}.`);
    this.name = "NotInTime";
  }
}

/**
 * The promise, for as long as one has patience.
 *
 * @param what to follow "not within … ms".
 * @throws {NotInTime}
 */
export async function inTime<TValue>(promise: Promise<TValue>, what: string, patienceMs: number): Promise<TValue> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new NotInTime(what, patienceMs)), patienceMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
