import { expect } from "vitest";
import type { CallRecord, ListQuery } from "../call-record.ts";
import type { Engine } from "../engine.ts";
import { defineTheme, engineThat } from "./theme.ts";
import { outcomeOf, type Trial } from "./trial.ts";

const everything: ListQuery = { path: null, state: null, cursor: null, limit: 100 };

/** The principal's own calls. */
export const listTheme = defineTheme("list", {
  "a list shows the owner's calls, the newest first, without outputs": {
    async run(trial) {
      const first = await trial.running({ path: "a.b" });
      await trial.engine.settle(first, { type: "succeeded", output: "1" });
      const second = await trial.accept();
      const third = await trial.accept();
      const { calls, nextCursor } = await trial.engine.list(trial.owner, everything);
      expect(nextCursor).toBeNull();
      const { output, ...withoutOutput } = await trial.read(first.id);
      expect(output).toBe("1");
      expect(calls).toEqual([await trial.read(third), await trial.read(second), { ...withoutOutput, output: null }]);
    },
    twin: engineThat("lists the oldest first", (engine) => ({
      list: async (reader, query) => {
        const { calls, nextCursor } = await engine.list(reader, query);
        return { calls: calls.toReversed(), nextCursor };
      },
    })),
  },

  "pages follow each other without gap or repetition, whatever comes in between": {
    async run(trial) {
      const ids: string[] = [];
      for (let index = 0; index < 7; index += 1) ids.push(await trial.accept());
      const pages = [];
      let cursor: string | null = null;
      do {
        const page: { calls: readonly CallRecord[]; nextCursor: string | null } = await trial.engine.list(trial.owner, {
          ...everything,
          cursor,
          limit: 3,
        });
        pages.push(page.calls.map(({ id }) => id));
        cursor = page.nextCursor;
        await trial.accept();
      } while (cursor !== null);
      expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
      expect(pages.flat()).toEqual(ids.toReversed());
    },
    twin: engineThat("counts pages from the newest, whatever is new", listsByOffset),
  },

  "a page that ends with the last call is the last page": {
    async run(trial) {
      for (let index = 0; index < 4; index += 1) await trial.accept();
      const first = await trial.engine.list(trial.owner, { ...everything, limit: 2 });
      expect(first.nextCursor).not.toBeNull();
      const second = await trial.engine.list(trial.owner, { ...everything, limit: 2, cursor: first.nextCursor });
      expect(second).toMatchObject({ calls: [{}, {}], nextCursor: null });
    },
    twin: engineThat("promises a page behind each full one", (engine) => ({
      list: async (reader, query) => {
        const { calls, nextCursor } = await engine.list(reader, query);
        return { calls, nextCursor: nextCursor ?? (calls.length === query.limit ? "1" : null) };
      },
    })),
  },

  "calls accepted at once are all listed, each once": {
    async run(trial) {
      const ids = await Promise.all(Array.from({ length: 40 }, () => trial.accept()));
      expect((await idsOfAllPages(trial, 7)).toSorted()).toEqual(ids.toSorted());
    },
    twin: engineThat("skips a call between pages", (engine) => ({
      list: async (reader, query) => {
        const { calls, nextCursor } = await engine.list(reader, query);
        return { calls: query.cursor === null ? calls : calls.slice(1), nextCursor };
      },
    })),
  },

  "a list is narrowed by path and by state": {
    async run(trial) {
      const cancelled = await trial.accept({ path: "a" });
      await trial.engine.cancel(cancelled, trial.owner, null);
      const queued = await trial.accept({ path: "a" });
      const other = await trial.accept({ path: "a.b" });
      const idsOf = async (query: Partial<ListQuery>): Promise<readonly string[]> =>
        (await trial.engine.list(trial.owner, { ...everything, ...query })).calls.map(({ id }) => id);
      expect(await idsOf({ path: "a" })).toEqual([queued, cancelled]);
      expect(await idsOf({ state: "queued" })).toEqual([other, queued]);
      expect(await idsOf({ path: "a", state: "cancelled" })).toEqual([cancelled]);
      expect(await idsOf({ path: "A" })).toEqual([]);
      expect(await idsOf({ path: "%" })).toEqual([]);
    },
    twin: engineThat("matches paths by their beginning", (engine) => ({
      list: async (reader, query) => {
        const { calls, nextCursor } = await engine.list(reader, { ...query, path: null });
        return { calls: calls.filter(({ path }) => path.startsWith(query.path ?? "")), nextCursor };
      },
    })),
  },

  "nobody lists the calls of another, and the anonymous list nothing": {
    async run(trial) {
      await trial.accept();
      await trial.accept({ principal: null });
      const none = { calls: [], nextCursor: null };
      expect(await trial.engine.list({ principal: `${trial.owner.principal}x` }, everything)).toEqual(none);
      expect(await trial.engine.list({ principal: trial.owner.principal.toUpperCase() }, everything)).toEqual(none);
      expect(await trial.engine.list({ principal: null }, everything)).toEqual(none);
      expect((await trial.engine.list(trial.owner, everything)).calls).toHaveLength(1);
    },
    twin: engineThat("lists everybody's calls to the anonymous", (engine) => {
      const principals: (string | null)[] = [];
      return {
        accept: (call, options) => {
          principals.push(call.principal);
          return engine.accept(call, options);
        },
        list: (reader, query) => engine.list(reader.principal === null ? { principal: principals[0] ?? null } : reader, query),
      };
    }),
  },

  "a cursor that no page gave is refused": {
    async run(trial) {
      await trial.accept();
      for (const cursor of ["", "x", "-1", "1;2", "NaN", "{}", "é", "'", "1e400", "9".repeat(400)]) {
        const outcome = await outcomeOf(trial.engine.list(trial.owner, { ...everything, cursor }));
        expect(outcome, cursor).toMatchObject({ error: { _tag: "InvalidOption", option: "cursor" } });
      }
    },
    twin: engineThat("takes any cursor for none", (engine) => ({
      list: (reader, query) => engine.list(reader, { ...query, cursor: null }),
    })),
  },
});

async function idsOfAllPages(trial: Trial, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { calls: readonly CallRecord[]; nextCursor: string | null } = await trial.engine.list(trial.owner, {
      ...everything,
      cursor,
      limit,
    });
    ids.push(...page.calls.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

function listsByOffset(engine: Engine): Pick<Engine, "list"> {
  return {
    list: async (reader, query) => {
      const { calls } = await engine.list(reader, { ...query, cursor: null, limit: 100 });
      const from = Number(query.cursor ?? 0);
      const to = from + query.limit;
      return { calls: calls.slice(from, to), nextCursor: calls.length > to ? String(to) : null };
    },
  };
}
