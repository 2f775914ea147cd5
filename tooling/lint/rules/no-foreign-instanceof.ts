import { houseRule } from "../rule.ts";

/** Errors and data of another package are known by their tag. */
export const noForeignInstanceof = houseRule(({ path, isTest, refuse }) => {
  if (isTest || !path.startsWith("packages/")) return {};
  const foreign = new Set<string>();
  return {
    ImportDeclaration(node) {
      if (!/^@(?:raincheck|trpc)\//.test(node.source.value)) return;
      for (const specifier of node.specifiers) foreign.add(specifier.local.name);
    },
    BinaryExpression(node) {
      if (node.operator !== "instanceof" || node.right.type !== "Identifier" || !foreign.has(node.right.name)) return;
      refuse(
        node,
        `\`instanceof ${node.right.name}\` is false for the same class from a second copy of the package, and for what came over a wire. Use hasTag(), or the error's name.`,
      );
    },
  };
});
