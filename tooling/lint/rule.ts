import type { RuleTester } from "oxlint/plugins-dev";
import { isTestFile, repositoryPath } from "./repository-path.ts";

/** A rule as the linter takes it. The linter exports its types only through its tester. */
export type Rule = Extract<Parameters<RuleTester["run"]>[1], { create: unknown }>;
/** What a rule is told about the file it looks at. */
export type Context = Parameters<Rule["create"]>[0];
/** What a rule does at each kind of node. */
export type Visitor = ReturnType<Rule["create"]>;
/** The syntax node of one kind. */
export type NodeOf<TKind extends keyof Visitor> = Parameters<Extract<Visitor[TKind], (node: never) => void>>[0];
/** Any syntax node. */
export type SyntaxNode = NonNullable<Parameters<Context["sourceCode"]["getText"]>[0]>;

/** The file a house rule looks at. */
export interface HouseFile {
  /** From the repository's root, with forward slashes: `packages/engine/src/engine.ts`. */
  readonly path: string;
  /** Whether it is a test, or code that only tests use: it is not part of what is published. */
  readonly isTest: boolean;
  /** Refuses a node, with the reason. */
  readonly refuse: (node: SyntaxNode, reason: string) => void;
  readonly context: Context;
}

/**
 * Makes a rule of the house.
 *
 * @param visit what to do in one file; an empty object when the rule has nothing to say there.
 */
export function houseRule(visit: (file: HouseFile) => Visitor): Rule {
  return {
    meta: { type: "problem" },
    create(context) {
      const path = repositoryPath(context.filename);
      const refuse: HouseFile["refuse"] = (node, reason) => context.report({ node, message: reason });
      return visit({ path, isTest: isTestFile(path), refuse, context });
    },
  };
}
