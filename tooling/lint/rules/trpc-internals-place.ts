import { houseRule } from "../rule.ts";

const place = "packages/server/src/trpc-internals.ts";

/** One file reads what tRPC does not promise. */
export const trpcInternalsPlace = houseRule(({ path, refuse }) => {
  if (!path.startsWith("packages/") || path === place || path === place.replace(".ts", ".test.ts")) return {};
  return {
    MemberExpression(node) {
      const name = node.property.type === "Identifier" ? node.property.name : node.property.type === "Literal" ? node.property.value : null;
      if (name === "_def")
        refuse(node, `\`_def\` is tRPC's own and moves without notice. Only ${place} reads it, and its test fails when it moves.`);
    },
  };
});
