/** The rules of the house that the linter does not bring: one file each in `rules/`, proven by `tooling/test/lint.test.ts`. */
import { documentedExports } from "./rules/documented-exports.ts";
import { importTableRule } from "./rules/import-table.ts";
import { noDrawers } from "./rules/no-drawers.ts";
import { noExportStar } from "./rules/no-export-star.ts";
import { noForeignInstanceof } from "./rules/no-foreign-instanceof.ts";
import { noReachingIn } from "./rules/no-reaching-in.ts";
import { noWaitingAWhile } from "./rules/no-waiting-a-while.ts";
import { pgBossVerbs } from "./rules/pg-boss-verbs.ts";
import { sqlPlace } from "./rules/sql-place.ts";
import { transactionPlace } from "./rules/transaction-place.ts";
import { trpcInternalsPlace } from "./rules/trpc-internals-place.ts";

export default {
  meta: { name: "house" },
  rules: {
    "documented-exports": documentedExports,
    "import-table": importTableRule,
    "no-drawers": noDrawers,
    "no-export-star": noExportStar,
    "no-foreign-instanceof": noForeignInstanceof,
    "no-reaching-in": noReachingIn,
    "no-waiting-a-while": noWaitingAWhile,
    "pg-boss-verbs": pgBossVerbs,
    "sql-place": sqlPlace,
    "transaction-place": transactionPlace,
    "trpc-internals-place": trpcInternalsPlace,
  },
};
