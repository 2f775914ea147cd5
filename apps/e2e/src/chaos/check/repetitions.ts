import { type Evidence, type Finding, groupBy, sightsOf } from "./evidence.ts";

/**
 * I15: a dead letter has one retry at most, and a call one replay for each key, whoever asks and however often; each is of the same procedure,
 * principal and input.
 */
export function checkRepetitions({ calls, history }: Evidence): Finding[] {
  const byId = new Map(calls.map((call) => [call.id, call]));
  const answers = sightsOf(history, "repeated");
  const answered = [...groupBy(answers, ({ of, key }) => JSON.stringify({ of, key })).values()].flatMap((same) => {
    const ids = new Set(same.map(({ id }) => id));
    return ids.size === 1 ? [] : [{ subject: same[0]!.of, message: `was answered with the repetitions ${[...ids].join(", ")}` }];
  });
  const replays = new Set(answers.filter(({ key }) => key !== null).map(({ id }) => id));
  const repetitions = calls.filter(({ repeats, tells }) => repeats !== null && tells === null);
  const retries = groupBy(
    repetitions.filter(({ id }) => !replays.has(id)),
    ({ repeats }) => repeats!,
  );
  const doubled = [...retries]
    .filter(([, all]) => all.length > 1)
    .map(([of, all]) => ({ subject: of, message: `has the retries ${all.map(({ id }) => id).join(", ")}` }));
  const strange = answers.flatMap(({ id, of }) =>
    byId.get(id)?.repeats === of ? [] : [{ subject: of, message: `was repeated by ${id}, which says otherwise` }],
  );
  const wrong = repetitions.flatMap(({ id, repeats, path, principal, input }) => {
    const source = byId.get(repeats!);
    if (source === undefined) return [{ subject: id, message: `repeats ${repeats}, which is not in the ledger` }];
    const isSame = source.path === path && source.principal === principal && source.input === input;
    if (!isSame) return [{ subject: id, message: `is not of what ${repeats} is of` }];
    const isAllowed = replays.has(id) || source.state === "failed" || source.state === "expired";
    return isAllowed ? [] : [{ subject: id, message: `is a retry of ${repeats}, which is ${source.state}` }];
  });
  return [...answered, ...doubled, ...strange, ...wrong];
}
