export { type PostgresEngineOptions, postgresEngine } from "./postgres-engine.ts";
export { type PgBossOptions, pgBoss } from "../delivery/pg-boss.ts";
export type { Delivered, Delivery, DeliveryConnection, DeliveryFactory, SqlExecutor } from "../delivery/delivery.ts";
