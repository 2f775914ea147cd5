export type { Delivered, Delivery, DeliveryConnection, DeliveryFactory, SqlExecutor } from "./delivery.ts";
export { type PgBossOptions, pgBoss } from "./pg-boss.ts";
