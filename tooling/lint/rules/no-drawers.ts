import { posix } from "node:path";
import { houseRule } from "../rule.ts";

const drawer = /^(?:types?|utils?|helpers?|common|misc|shared|lib|constants?|manager)$/;

/** No file, and no folder, whose name says nothing of what is in it. */
export const noDrawers = houseRule(({ path, refuse }) => ({
  Program(node) {
    const names = [...posix.dirname(path).split("/"), posix.basename(path).replace(/(?:\.test|\.test-d|\.d)?\.[cm]?tsx?$/, "")];
    const found = names.find((name) => drawer.test(name));
    if (found === undefined) return;
    refuse(
      node,
      `"${found}" is a drawer: things end up there that share nothing. Name the file for the one concept it holds; a type lives with what makes it.`,
    );
  },
}));
