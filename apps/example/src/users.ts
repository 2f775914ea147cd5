/** Authentication by bearer tokens: random, kept as their hash, valid for a day. */
import { createHash, randomBytes } from "node:crypto";
import { transaction } from "./database.ts";
import { exampleSchema } from "./settings.ts";

/** Who uses the API. */
export interface User {
  readonly id: UserId;
  readonly name: string;
}

/** The users: a person at a terminal, and the service in `billing/`. */
export type UserId = "terminal" | "billing";

const users: Readonly<Record<UserId, User>> = {
  terminal: { id: "terminal", name: "The person at the terminal" },
  billing: { id: "billing", name: "The billing service" },
};

/** A fresh token for each user. Earlier ones stay valid until they expire: another API may have handed them out. */
export async function issueTokens(): Promise<Record<UserId, string>> {
  // 128 random bits.
  const tokens = { terminal: randomBytes(16).toString("base64url"), billing: randomBytes(16).toString("base64url") };
  await transaction(async (sql) => {
    await sql`delete from ${sql(exampleSchema)}.token where expires_at < now()`;
    for (const [userId, token] of Object.entries(tokens)) {
      await sql`insert into ${sql(exampleSchema)}.token (sha256, user_id, expires_at) values (${hash(token)}, ${userId}, now() + interval '1 day')`;
    }
  });
  return tokens;
}

/**
 * The user of an `Authorization` header; `null` when it has no valid token.
 *
 * @param authorization the header, such as `Bearer 5vKJ…`.
 */
export async function userOf(authorization: string | undefined): Promise<User | null> {
  const [, token] = /^Bearer ([\w-]{22})$/i.exec(authorization ?? "") ?? [];
  if (token === undefined) return null;
  const [row] = await transaction(
    (sql) =>
      sql<{ user_id: string }[]>`select user_id from ${sql(exampleSchema)}.token where sha256 = ${hash(token)} and expires_at > now()`,
  );
  return row === undefined ? null : userById(row.user_id);
}

/** The user with an id; `null` when there is none. */
export function userById(id: string): User | null {
  return Object.hasOwn(users, id) ? users[id as UserId] : null;
}

function hash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
