import { houseRule } from "../rule.ts";

const settling = new Set(["complete", "fail", "touch", "deleteJob", "retry", "cancel"]);

/** pg-boss is used by the verbs that cannot lose a race. */
export const pgBossVerbs = houseRule(({ path, isTest, refuse }) => {
  if (isTest || !path.startsWith("packages/engine/src/")) return {};
  return {
    CallExpression(node) {
      if (node.callee.type !== "MemberExpression" || node.callee.property.type !== "Identifier") return;
      const receiver = node.callee.object.type === "Identifier" ? node.callee.object.name : "";
      if (!/boss/i.test(receiver)) return;
      const verb = node.callee.property.name;
      if (verb === "work") {
        refuse(
          node,
          "pg-boss's work() sleeps between jobs, keeps timed-out handlers running beside new ones and turns a failed settle into a failed attempt. Fetch, and settle ourselves.",
        );
      }
      const [, job] = node.arguments;
      const plainId =
        job?.type === "Literal" ||
        job?.type === "TemplateLiteral" ||
        (job?.type === "Identifier" && /ids?$/i.test(job.name)) ||
        (job?.type === "MemberExpression" && job.property.type === "Identifier" && /^ids?$/i.test(job.property.name));
      if (settling.has(verb) && plainId) {
        refuse(node, `${verb}() by a plain id is not fenced: a stale attempt would settle the live one. Pass { id, retryCount }.`);
      }
    },
  };
});
