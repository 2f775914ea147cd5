import { posix } from "node:path";
import { importRowOf, mayImport } from "../import-table.ts";
import { type SyntaxNode, houseRule } from "../rule.ts";

/** Holds the import table of `docs/architecture.md`. */
export const importTableRule = houseRule(({ path, isTest, refuse }) => {
  if (isTest || !/^packages\/[^/]+\/src\//.test(path)) return {};
  const row = importRowOf(path);

  function check(node: SyntaxNode, specifier: string, typeOnly: boolean): void {
    if (row === null) {
      refuse(node, `${path} is in no row of tooling/lint/import-table.ts: say there what this folder may import, and why.`);
      return;
    }
    const target = specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier;
    if (!mayImport(row, target, typeOnly)) refuse(node, `${row.where} may not import "${specifier}": ${row.why}`);
  }

  return {
    ImportDeclaration: (node) => check(node, node.source.value, node.importKind === "type"),
    ExportAllDeclaration: (node) => check(node, node.source.value, node.exportKind === "type"),
    ExportNamedDeclaration(node) {
      if (node.source !== null) check(node, node.source.value, node.exportKind === "type");
    },
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") check(node, node.source.value, false);
      else refuse(node, "A computed import cannot be checked against the import table. Write the module's name.");
    },
    TSImportType: (node) => check(node, node.source.value, true),
  };
});
