import { expect } from "vitest";
import { acceptingThat, defineTheme, engineThat } from "./theme.ts";

/** Calls that have ended are kept for a time. */
export const retentionTheme = defineTheme("retention", {
  "a call is kept after its end for its retention, and then gone": {
    async run(trial) {
      const id = await trial.accept({ retentionMs: 300 });
      const beganMs = performance.now();
      await trial.engine.cancel(id, trial.owner, null);
      expect(await trial.read(id)).toMatchObject({ state: "cancelled" });
      await trial.eventually(async () => {
        await trial.sweep();
        return (await trial.engine.read(id, trial.owner)) === null;
      }, "the call to be removed");
      expect(performance.now() - beganMs).toBeGreaterThanOrEqual(300);
      expect(await trial.engine.events(id, 0, trial.owner)).toBeNull();
      expect(await trial.engine.cancel(id, trial.owner, null)).toBeNull();
      expect(await trial.engine.list(trial.owner, { path: null, state: null, cursor: null, limit: 10 })).toEqual({
        calls: [],
        nextCursor: null,
      });
    },
    twin: acceptingThat("keeps every call for ever", () => ({ retentionMs: 1e12 })),
  },

  "a call that is open is kept, however long": {
    async run(trial) {
      const queued = await trial.accept({ retentionMs: 0, delayMs: 3_600_000 });
      const running = await trial.running({ retentionMs: 0 });
      const ended = await trial.accept({ retentionMs: 0 });
      await trial.engine.cancel(ended, trial.owner, null);
      await trial.eventually(async () => {
        await trial.sweep();
        return (await trial.engine.read(ended, trial.owner)) === null;
      }, "the call to be removed");
      expect((await trial.read(queued)).state).toBe("queued");
      expect((await trial.read(running.id)).state).toBe("running");
    },
    twin: engineThat("counts the retention from the acceptance", (engine) => {
      const acceptedMs = new Map<string, number>();
      return {
        accept: (call, options) => {
          if (call.retentionMs === 0) acceptedMs.set(call.id, performance.now());
          return engine.accept(call, options);
        },
        read: async (id, reader) => (acceptedMs.has(id) ? null : engine.read(id, reader)),
      };
    }),
  },

  "a key is free again when its call is gone": {
    async run(trial) {
      const idempotencyKey = "once a day";
      const id = await trial.accept({ idempotencyKey, retentionMs: 0, input: "1" });
      await trial.engine.cancel(id, trial.owner, null);
      await trial.eventually(async () => {
        await trial.sweep();
        return (await trial.engine.read(id, trial.owner)) === null;
      }, "the call to be removed");
      const again = trial.newCall({ idempotencyKey, input: "2" });
      const acceptance = await trial.engine.accept(again).catch((error: unknown) => expect.fail(String(error)));
      expect(acceptance).toEqual({ id: again.id, state: "queued", created: true });
    },
    twin: engineThat("never forgets a key", (engine) => {
      const keys = new Map<string, string>();
      return {
        accept: async (call, options) => {
          const id = keys.get(call.idempotencyKey ?? call.id);
          if (id !== undefined) return { id, state: "cancelled", created: false };
          keys.set(call.idempotencyKey ?? call.id, call.id);
          return engine.accept(call, options);
        },
      };
    }),
  },
});
