import { houseRule } from "../rule.ts";

const statement =
  /^\s*(?:select|insert\s+into|update|delete\s+from|with|create|alter|drop|truncate|listen|notify|lock\s+table|set\s+local)\s/i;

/** SQL is written in one folder. Applications and tests write their own. */
export const sqlPlace = houseRule(({ path, isTest, refuse }) => {
  if (isTest || !path.startsWith("packages/") || path.startsWith("packages/engine/src/postgres/")) return {};
  return {
    TaggedTemplateExpression(node) {
      if (statement.test(node.quasi.quasis[0]?.value.raw ?? "")) refuse(node, reason);
    },
    CallExpression(node) {
      const [first] = node.arguments;
      const text = first?.type === "Literal" ? first.value : first?.type === "TemplateLiteral" ? first.quasis[0]?.value.raw : null;
      const callee = node.callee.type === "MemberExpression" && node.callee.property.type === "Identifier" ? node.callee.property.name : "";
      if (/^(?:unsafe|query|executeSql)$/.test(callee) && typeof text === "string" && statement.test(text)) refuse(node, reason);
    },
  };
});

const reason =
  "SQL stands only in packages/engine/src/postgres: there every statement that changes a call can be read side by side. Give the port a verb instead.";
