import { posix } from "node:path";
import { type SyntaxNode, houseRule } from "../rule.ts";

const home = /^(?:packages|apps)\/[^/]+\//;

/** Another package is imported by its name and its declared entry points, never by its files. */
export const noReachingIn = houseRule(({ path, isTest, refuse }) => {
  const own = home.exec(path)?.[0] ?? "";
  // The tooling is no package: it has nothing but files to import.
  if (own === "") return {};

  function check(node: SyntaxNode, specifier: string): void {
    const deep = /^@raincheck\/[^/]+\/(?:src|dist)\//.test(specifier);
    const target = specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : null;
    // What the tests of several packages share is no package.
    const isShared = isTest && target?.startsWith("tooling/vitest/") === true;
    const leaves = target !== null && !target.startsWith(own) && !isShared;
    if (deep || leaves) {
      refuse(
        node,
        `"${specifier}" reaches past a package's door. Import the package by its name: what it does not export is free to change.`,
      );
    }
  }

  return {
    ImportDeclaration: (node) => check(node, node.source.value),
    ExportAllDeclaration: (node) => check(node, node.source.value),
    ExportNamedDeclaration(node) {
      if (node.source !== null) check(node, node.source.value);
    },
    ImportExpression(node) {
      if (node.source.type === "Literal" && typeof node.source.value === "string") check(node, node.source.value);
    },
    TSImportType: (node) => check(node, node.source.value),
  };
});
