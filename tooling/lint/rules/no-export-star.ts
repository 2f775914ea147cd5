import { houseRule } from "../rule.ts";

/** A package's surface is a list that somebody ordered by hand. */
export const noExportStar = houseRule(({ refuse }) => ({
  ExportAllDeclaration(node) {
    refuse(node, "`export *` makes everything public, by accident and for ever. List what this file offers, by name.");
  },
}));
