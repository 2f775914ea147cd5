import { houseRule } from "../rule.ts";

/** A test waits for the moment, never for a while. */
export const noWaitingAWhile = houseRule(({ isTest, refuse }) => {
  if (!isTest) return {};
  return {
    ImportDeclaration(node) {
      if (/^(?:node:)?timers\/promises$/.test(node.source.value)) refuse(node, reason);
    },
    NewExpression(node) {
      if (node.callee.type !== "Identifier" || node.callee.name !== "Promise") return;
      const [executor] = node.arguments;
      if (executor?.type !== "ArrowFunctionExpression" || executor.params.length === 0) return;
      const [resolve] = executor.params;
      const body =
        executor.body.type === "BlockStatement" && executor.body.body.length === 1 && executor.body.body[0]?.type === "ExpressionStatement"
          ? executor.body.body[0].expression
          : executor.body;
      if (resolve?.type !== "Identifier" || body.type !== "CallExpression" || body.callee.type !== "Identifier") return;
      const [callback] = body.arguments;
      if (body.callee.name === "setTimeout" && callback?.type === "Identifier" && callback.name === resolve.name) refuse(node, reason);
    },
  };
});

const reason =
  "A sleep in a test is either too short, on a busy machine, or too long, everywhere else. Wait for the event itself: a promise that the code under test resolves, vi.waitFor on a condition, or a fake clock.";
