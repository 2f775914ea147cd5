/**
 * Takes turns where a moment gives work to a thousand: some of them in each turn of the event loop, so that what they write leaves, and what
 * they used is garbage, before the next have theirs. Who comes first goes first; what is not urgent goes when nothing urgent waits.
 */
export interface Turns {
  /** Resolves in one of the next turns. */
  urgent(): Promise<void>;
  /** Resolves at once when nobody waits, else in a turn when nothing urgent does. */
  other(): Promise<void>;
}

/** @param atOnce how many go on in one turn. */
export function takeTurns(atOnce: number): Turns {
  const urgent: (() => void)[] = [];
  const others: (() => void)[] = [];
  let going = false;

  const turn = (): void => {
    const line = urgent.length > 0 ? urgent : others;
    const told = line.splice(0, atOnce);
    going = told.length > 0;
    if (going) setImmediate(turn);
    for (const goOn of told) goOn();
  };
  const wait = (line: (() => void)[]): Promise<void> =>
    new Promise((resolve) => {
      line.push(resolve);
      if (!going) setImmediate(turn);
      going = true;
    });
  return { urgent: () => wait(urgent), other: () => (going ? wait(others) : Promise.resolve()) };
}
