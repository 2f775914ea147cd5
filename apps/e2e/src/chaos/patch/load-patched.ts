import { registerHooks } from "node:module";
import { type SourcePatch, applyPatch, patchesOf } from "./source-patch.ts";

/** From now on this process loads the patched files as the patches make them. */
export function loadPatched(patches: readonly SourcePatch[]): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = patchesOf(url, patches);
      if (own.length === 0) return loaded;
      const source = own.reduce((text, patch) => applyPatch(text, patch), Buffer.from(loaded.source as Uint8Array).toString());
      return { ...loaded, source };
    },
  });
}
