import { houseRule } from "../rule.ts";

const place = "packages/engine/src/postgres/sessions/transaction.ts";

/** One file opens transactions. */
export const transactionPlace = houseRule(({ path, isTest, refuse }) => {
  if (isTest || !path.startsWith("packages/") || path === place) return {};
  return {
    CallExpression(node) {
      if (node.callee.type !== "MemberExpression" || node.callee.property.type !== "Identifier" || node.callee.property.name !== "begin")
        return;
      refuse(node, `Transactions are opened in ${place} alone: it sets their timeouts, and knows what an ambiguous commit means.`);
    },
  };
});
