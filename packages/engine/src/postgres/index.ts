export { type PostgresEngineOptions, postgresEngine } from "./postgres-engine.ts";
export type { CallerTransaction } from "./accepting/caller-transaction.ts";
export {
  type AdaptedTransaction,
  type DrizzleSql,
  type DrizzleTransaction,
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPrisma,
  type KnexTransaction,
  type KyselyTransaction,
  type PrismaTransaction,
} from "../delivery/adapters.ts";
export { type PgBossOptions, pgBoss } from "../delivery/pg-boss.ts";
export type { Delivered, Delivery, DeliveryConnection, DeliveryFactory, SqlExecutor } from "../delivery/delivery.ts";
