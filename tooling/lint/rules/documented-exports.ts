import { type NodeOf, houseRule } from "../rule.ts";

/** Every export of a package has a doc comment. */
export const documentedExports = houseRule(({ path, isTest, refuse, context }) => {
  if (isTest || !/^packages\/[^/]+\/src\//.test(path)) return {};
  return {
    ExportNamedDeclaration(node: NodeOf<"ExportNamedDeclaration">) {
      const { declaration } = node;
      if (declaration === null || isOverload(node)) return;
      const comment = context.sourceCode.getCommentsBefore(node).at(-1);
      if (comment?.type === "Block" && comment.value.startsWith("*") && comment.value.replaceAll(/[\s*]/g, "") !== "") return;
      refuse(
        node,
        "An export without a doc comment. Write the one sentence that stands alone: what it is, its units, its default, the errors and when.",
      );
    },
  };
});

/** A second signature of the function before it: the comment stands at the first. */
function isOverload(node: NodeOf<"ExportNamedDeclaration">): boolean {
  const { declaration, parent } = node;
  if (declaration?.type !== "FunctionDeclaration" || parent.type !== "Program") return false;
  const before = parent.body[parent.body.indexOf(node) - 1];
  return (
    before?.type === "ExportNamedDeclaration" &&
    before.declaration?.type === "TSDeclareFunction" &&
    before.declaration.id?.name === declaration.id?.name
  );
}
