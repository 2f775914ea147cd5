import type { Work, Yielded } from "../application/work.ts";
import { type Evidence, type Finding, type LedgerEvent, groupBy, sightsOf } from "./evidence.ts";
import { jsonOf } from "./stored-text.ts";

/** A value that was yielded, and the number of the attempt that it was told under. */
interface Heard {
  readonly attempt: number;
  readonly value: Yielded;
}

/**
 * I14: what an attempt yields is in the ledger and told to each follower in order, once, without gaps, under that attempt's number and while no
 * other runs; all of it, of the attempt that succeeded.
 */
export function checkYields({ calls, events, history }: Evidence): Finding[] {
  const heard = groupBy(sightsOf(history, "heard"), ({ id, follower }) => `${id} ${follower}`);
  const followers = groupBy(sightsOf(history, "ended"), ({ id }) => id);
  return calls
    .filter(({ path }) => path === "stream")
    .flatMap(({ id, state, attempt, input }) => {
      const { yields } = JSON.parse(jsonOf(input)) as Work;
      const whole = state === "succeeded" ? { attempt, yields } : null;
      const stored = events.get(id) ?? [];
      const listeners: [string, readonly Heard[]][] = (followers.get(id) ?? []).map(({ follower }) => {
        const subject = `${id} ${follower}`;
        return [subject, heard.get(subject) ?? []];
      });
      const late = outOfTurn(stored);
      return [
        ...(late === undefined
          ? []
          : [{ subject: id, message: `has at ${late.seq} what its attempt ${late.attempt} yielded out of turn` }]),
        ...([[id, stored.flatMap(heardOf)], ...listeners] as const).flatMap(([subject, all]) =>
          disorder(all, whole).map((message) => ({ subject, message })),
        ),
      ];
    });
}

/** The first value of an attempt behind the start of another. */
function outOfTurn(events: readonly LedgerEvent[]): LedgerEvent | undefined {
  let running = 0;
  return events.find(({ type, attempt }) => {
    if (type === "started") running = attempt;
    return type === "yielded" && attempt !== running;
  });
}

function heardOf({ type, attempt, body }: LedgerEvent): Heard[] {
  return type === "yielded" ? [{ attempt, value: JSON.parse(jsonOf(body ?? "null")) as Yielded }] : [];
}

function disorder(all: readonly Heard[], whole: { readonly attempt: number; readonly yields: number } | null): string[] {
  const byAttempt = groupBy(all, ({ attempt }) => String(attempt));
  const wrong = [...byAttempt.values()]
    .filter((values) => values.some(({ attempt, value }, index) => value.place !== index + 1 || value.attempt !== attempt))
    .map(
      (values) =>
        `has as attempt ${values[0]!.attempt}'s values ${values.map(({ value }) => `${value.place} of ${value.attempt}`).join(", ")}`,
    );
  if (whole === null) return wrong;
  const count = byAttempt.get(String(whole.attempt))?.length ?? 0;
  return count === whole.yields ? wrong : [...wrong, `has ${count} of the ${whole.yields} values of attempt ${whole.attempt}`];
}
