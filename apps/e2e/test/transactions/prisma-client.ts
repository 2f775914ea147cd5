/**
 * Prisma's client for this schema, as `prisma generate` 7.10 makes it, with a few lines of its types. `prisma generate` itself wants a
 * download from Prisma's own server, so what it writes is kept here:
 *
 * ```prisma
 * model Order {
 *   id   Int    @id
 *   note String
 *
 *   @@map("purchase")
 * }
 * ```
 */
import { type GetPrismaClientConfig, getPrismaClient } from "@prisma/client/runtime/client";
import type { PrismaPg } from "@prisma/adapter-pg";
import type { Order } from "./shop.ts";

const config: GetPrismaClientConfig = {
  previewFeatures: [],
  clientVersion: "7.10.0",
  engineVersion: "0edf323efd1d98336f3f0a68684b56f689b900d3",
  activeProvider: "postgresql",
  inlineSchema:
    'generator client {\n  provider = "prisma-client"\n  output = "./generated"\n}\n\ndatasource db {\n  provider = "postgresql"\n}\n\nmodel Order {\n  id   Int    @id\n  note String\n\n  @@map("purchase")\n}\n',
  runtimeDataModel: JSON.parse(
    '{"models":{"Order":{"fields":[{"name":"id","kind":"scalar","type":"Int"},{"name":"note","kind":"scalar","type":"String"}],"dbName":"purchase","schema":null}},"enums":{},"types":{}}',
  ),
  parameterizationSchema: {
    strings:
      "where Order.findUnique Order.findUniqueOrThrow orderBy cursor Order.findFirst Order.findFirstOrThrow Order.findMany data Order.createOne Order.createMany Order.createManyAndReturn Order.updateOne Order.updateMany Order.updateManyAndReturn create update Order.upsertOne Order.deleteOne Order.deleteMany having _count _avg _sum _min _max Order.groupBy Order.aggregate AND OR NOT id note equals in notIn lt lte gt gte contains startsWith endsWith not set increment decrement multiply divide".split(
        " ",
      ),
    graph:
      "KwsQBRwAACIAMB0AAAQAEB4AACIAMB8CAAAAASABACQAIQEAAAABACABAAAAAQAgBRwAACIAMB0AAAQAEB4AACIAMB8CACMAISABACQAIQADAAAABAAgAwAABQAwBAAAAQAgAwAAAAQAIAMAAAUAMAQAAAEAIAMAAAAEACADAAAFADAEAAABACACHwIAAAABIAEAAAABAQgAAAkAIAIfAgAAAAEgAQAAAAEBCAAACwAwAQgAAAsAMAIfAgAqACEgAQArACECAAAAAQAgCAAADgAgAh8CACoAISABACsAIQIAAAAEACAIAAAQACACAAAABAAgCAAAEAAgAwAAAAEAIA8AAAkAIBAAAA4AIAEAAAABACABAAAABAAgBRUAACUAIBYAACYAIBcAACkAIBgAACgAIBkAACcAIAUcAAAaADAdAAAXABAeAAAaADAfAgAbACEgAQAcACEDAAAABAAgAwAAFgAwFAAAFwAgAwAAAAQAIAMAAAUAMAQAAAEAIAUcAAAaADAdAAAXABAeAAAaADAfAgAbACEgAQAcACENFQAAHgAgFgAAIQAgFwAAHgAgGAAAHgAgGQAAHgAgIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKwIAIAAhDhUAAB4AIBgAAB8AIBkAAB8AICEBAAAAASIBAAAABCMBAAAABCQBAAAAASUBAAAAASYBAAAAAScBAAAAASgBAAAAASkBAAAAASoBAAAAASsBAB0AIQ4VAAAeACAYAAAfACAZAAAfACAhAQAAAAEiAQAAAAQjAQAAAAQkAQAAAAElAQAAAAEmAQAAAAEnAQAAAAEoAQAAAAEpAQAAAAEqAQAAAAErAQAdACEIIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKwIAHgAhCyEBAAAAASIBAAAABCMBAAAABCQBAAAAASUBAAAAASYBAAAAAScBAAAAASgBAAAAASkBAAAAASoBAAAAASsBAB8AIQ0VAAAeACAWAAAhACAXAAAeACAYAAAeACAZAAAeACAhAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAErAgAgACEIIQgAAAABIggAAAAEIwgAAAAEJAgAAAABJQgAAAABJggAAAABJwgAAAABKwgAIQAhBRwAACIAMB0AAAQAEB4AACIAMB8CACMAISABACQAIQghAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAErAgAeACELIQEAAAABIgEAAAAEIwEAAAAEJAEAAAABJQEAAAABJgEAAAABJwEAAAABKAEAAAABKQEAAAABKgEAAAABKwEAHwAhAAAAAAAFLAIAAAABLQIAAAABLgIAAAABLwIAAAABMAIAAAABASwBAAAAAQAAAAAFFQAGFgAHFwAIGAAJGQAKAAAAAAAFFQAGFgAHFwAIGAAJGQAKAQIBAgMBBQYBBgcBBwgBCQoBCgwCCw0DDA8BDRECDhIEERMBEhQBExUCGhgFGxkL",
  },
  compilerWasm: {
    getRuntime: () => queryCompiler("mjs"),
    async getQueryCompilerWasmModule() {
      const { wasm } = await queryCompiler("wasm-base64.mjs");
      return new WebAssembly.Module(Buffer.from(wasm, "base64"));
    },
    importName: "./query_compiler_fast_bg.js",
  },
};

/** These files have no types. */
function queryCompiler(file: string) {
  return import(`@prisma/client/runtime/query_compiler_fast_bg.postgresql.${file}`);
}

/** What a transaction of the client can do: of the generated types, what is used here. */
export interface PrismaTransactionClient {
  readonly order: { create(args: { data: Order }): Promise<Order> };
  $queryRawUnsafe<TRows = unknown>(query: string, ...values: unknown[]): Promise<TRows>;
}

/** The client: of the generated types, what is used here. */
export interface PrismaClient extends PrismaTransactionClient {
  $transaction<TValue>(work: (transaction: PrismaTransactionClient) => Promise<TValue>): Promise<TValue>;
  $disconnect(): Promise<void>;
}

/** As generated. */
export const PrismaClient = getPrismaClient(config) as unknown as new (options: { adapter: PrismaPg }) => PrismaClient;
