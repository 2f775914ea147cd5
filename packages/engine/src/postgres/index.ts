export { type PostgresEngineOptions, postgresEngine } from "./postgres-engine.ts";
