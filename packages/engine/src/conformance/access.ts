import { expect } from "vitest";
import type { Reader } from "../call-record.ts";
import type { Engine } from "../engine.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { newCallId, type Trial } from "./trial.ts";

/** Who sees a call. */
export const accessTheme = defineTheme("access", {
  "a call of another is answered as one that does not exist": {
    async run(trial) {
      const { principal } = trial.owner;
      const strangers = [
        null,
        "",
        "null",
        `${principal} `,
        ` ${principal}`,
        principal.toUpperCase(),
        principal.slice(0, -1),
        `${principal}x`,
        "%",
      ];
      const { id } = await trial.running();
      for (const stranger of strangers) {
        expect(await answersTo(trial, id, { principal: stranger }), String(stranger)).toEqual([null, null, null]);
        expect(await answersTo(trial, newCallId(), { principal: stranger })).toEqual([null, null, null]);
      }
      expect(await trial.read(id)).toMatchObject({ state: "running", seq: 2 });
    },
    twin: engineThat("compares principals without case", (engine) => {
      const fold = (reader: Reader): Reader => ({ principal: reader.principal?.toLowerCase() ?? null });
      return readingAs(engine, fold);
    }),
  },

  "the owner reads, follows and cancels": {
    async run(trial) {
      const id = await trial.accept();
      expect(await answersTo(trial, id, trial.owner)).toMatchObject([{ id }, { lastSeq: 1 }, { cancelled: true }]);
      expect(await answersTo(trial, newCallId(), trial.owner)).toEqual([null, null, null]);
    },
    twin: engineThat("shows nothing to anybody", (engine) => readingAs(engine, () => ({ principal: "nobody" }))),
  },

  "an anonymous call is everybody's who holds its id": {
    async run(trial) {
      for (const reader of [{ principal: null }, trial.owner, { principal: "" }]) {
        const id = await trial.accept({ principal: null });
        expect(await answersTo(trial, id, reader)).toMatchObject([{ id, principal: null }, { lastSeq: 1 }, { cancelled: true }]);
      }
    },
    twin: engineThat("takes no principal for an empty one", (engine) => ({
      accept: (call, options) => engine.accept({ ...call, principal: call.principal ?? "" }, options),
    })),
  },

  "a call of the empty principal is not anonymous": {
    async run(trial) {
      const id = await trial.accept({ principal: "" });
      expect(await answersTo(trial, id, { principal: null })).toEqual([null, null, null]);
      expect(await answersTo(trial, id, trial.owner)).toEqual([null, null, null]);
      expect(await answersTo(trial, id, { principal: "" })).toMatchObject([{ id }, {}, {}]);
    },
    twin: engineThat("takes an empty principal for none", (engine) => ({
      accept: (call, options) => engine.accept({ ...call, principal: call.principal === "" ? null : call.principal }, options),
    })),
  },
});

async function answersTo(trial: Trial, id: string, reader: Reader): Promise<readonly unknown[]> {
  const { engine } = trial;
  return [await engine.read(id, reader), await engine.events(id, 0, reader), await engine.cancel(id, reader, null)];
}

function readingAs(engine: Engine, change: (reader: Reader) => Reader): Pick<Engine, "read" | "events" | "cancel"> {
  return {
    read: (id, reader) => engine.read(id, change(reader)),
    events: (id, after, reader) => engine.events(id, after, change(reader)),
    cancel: (id, reader, reason) => engine.cancel(id, change(reader), reason),
  };
}
