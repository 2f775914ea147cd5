import fc from "fast-check";
import { expect } from "vitest";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";
import type { Trial } from "./trial.ts";

/** What quoting, escaping, normalising and trimming get wrong. */
const awkward = [
  "\\",
  "\\u0000",
  "'",
  "''",
  '"',
  "$1",
  "$$",
  "%",
  "_",
  ";--",
  "{}",
  "\n",
  "\r\n",
  "\t",
  "\u0001",
  "\u007f",
  "\u2028",
].concat([
  "\u00a0",
  "\ufeff",
  "\ufffd",
  "\ufffe",
  "\uffff",
  "e\u0301",
  "\u212b",
  "\u202e",
  "\u{1f600}",
  "\u{1f468}\u200d\u{1f469}",
  "\u{10ffff}",
]);

const isSurrogate = (point: number): boolean => point >= 0xd800 && point <= 0xdfff;

/** Any Unicode that a payload may hold: all but U+0000 and lone surrogates. */
const character = fc.oneof(
  fc.constantFrom(...awkward),
  fc
    .integer({ min: 1, max: 0x10_ff_ff })
    .filter((point) => !isSurrogate(point))
    .map((point) => String.fromCodePoint(point)),
);

const text = fc.string({ unit: character, maxLength: 200 });
const name = fc.string({ unit: character, minLength: 1, maxLength: 30 });

/** A value as JSON keeps it: without the sign of a negative zero. */
const json = fc.jsonValue({ stringUnit: character }).map((value): unknown => JSON.parse(JSON.stringify(value)));

/** As long as the property tests ask, and no longer: each run is half a dozen round trips. */
const property = { numRuns: 60, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false } as const;

/** What goes in comes out. */
export const payloadsTheme = defineTheme("payloads", {
  "any text comes back as it was": {
    async run(trial) {
      await fc.assert(
        fc.asyncProperty(text, text, text, text, (input, context, progress, output) =>
          roundTrip(trial, { input, context, progress, output }),
        ),
        property,
      );
    },
    twin: acceptingThat("normalises text", ({ input }) => ({ input: input.normalize() })),
  },

  "empty text is text": {
    async run(trial) {
      await roundTrip(trial, { input: "", context: "", progress: "", output: "" });
    },
    twin: engineThat("takes empty text for none", (engine) => ({
      read: async (id, reader) => {
        const record = await engine.read(id, reader);
        return record === null ? null : { ...record, progress: record.progress || null };
      },
    })),
  },

  "five megabytes come back as they were": {
    async run(trial) {
      const unit = `{"name":"Zürich \\\\ 🛫","delay":-12.5},`;
      const large = unit.repeat(Math.ceil((5 * 1_048_576) / unit.length));
      const attempt = await trial.running({ input: large });
      // Compared as a truth: the report of a difference would be as large.
      expect(attempt.input === large).toBe(true);
      await trial.engine.settle(attempt, { type: "succeeded", output: `${large}!` });
      expect((await trial.read(attempt.id)).output === `${large}!`).toBe(true);
      expect((await trial.events(attempt.id)).some((event) => event.type === "succeeded" && event.output === `${large}!`)).toBe(true);
    },
    twin: acceptingThat("cuts what is large", ({ input }) => ({ input: input.slice(0, 4_194_304) })),
  },

  "any text may be a path, a principal, a key and a reason": {
    async run(trial) {
      await fc.assert(
        fc.asyncProperty(name, name, name, text, async (path, user, key, reason) => {
          const principal = `${trial.owner.principal}/${user}`;
          const call = trial.newCall({ path, principal, idempotencyKey: key });
          const { id, created } = await trial.engine.accept(call);
          expect({ id: (await trial.engine.accept({ ...call, id: trial.newCall({ principal }).id })).id, created: true }).toEqual({
            id,
            created,
          });
          expect(await trial.claimSoon()).toMatchObject({ id, path, principal });
          const page = await trial.engine.list({ principal }, { path, state: "running", cursor: null, limit: 10 });
          expect(page.calls).toMatchObject([{ id, path, principal }]);
          expect(await trial.engine.cancel(id, { principal }, reason)).toEqual({ cancelled: true, state: "cancelled" });
          expect(await trial.read(id)).toMatchObject({ path, principal, cancelReason: reason });
        }),
        { ...property, examples: [["$1", "'; drop table calls --", "\\", '"']] },
      );
    },
    twin: acceptingThat("trims paths", ({ path }) => ({ path: path.trim() })),
  },

  "any failure comes back as it was": {
    async run(trial) {
      await fc.assert(
        fc.asyncProperty(name, text, json, async (code, message, data) => {
          const failure = { code, message, data };
          const first = await trial.running();
          await trial.engine.settle(first, { type: "retrying", reason: "failed", failure, delayMs: 0 });
          const second = await trial.claimSoon();
          await trial.engine.settle(second, { type: "failed", failure });
          expect((await trial.read(first.id)).failure).toEqual(failure);
          const told = (await trial.events(first.id)).flatMap((event) => ("failure" in event ? [event.failure] : []));
          expect(told).toEqual([failure, failure]);
        }),
        property,
      );
    },
    twin: engineThat("copies the data of failures by their keys", (engine) => ({
      settle: (attempt, settlement) => {
        if (settlement.type !== "failed") return engine.settle(attempt, settlement);
        const { data } = settlement.failure;
        const copied: unknown = typeof data === "object" && data !== null ? Object.assign({}, data) : data;
        return engine.settle(attempt, { type: "failed", failure: { ...settlement.failure, data: copied } });
      },
    })),
  },
});

interface Payloads {
  readonly input: string;
  readonly context: string;
  readonly progress: string;
  readonly output: string;
}

async function roundTrip(trial: Trial, { input, context, progress, output }: Payloads): Promise<void> {
  const attempt = await trial.running({ input, context });
  expect(attempt).toMatchObject({ input, context });
  await trial.engine.report(attempt, progress);
  await trial.engine.settle(attempt, { type: "succeeded", output });
  expect(await trial.read(attempt.id)).toMatchObject({ progress, output });
  expect((await trial.events(attempt.id)).slice(2)).toMatchObject([
    { type: "progress", value: progress },
    { type: "succeeded", output },
  ]);
}
