import type { Sql, TransactionSql } from "postgres";

/** A session as postgres.js would hand it to a transaction: with `savepoint`, and without what would leave the transaction. */
export function revocable(session: Sql): { transaction: TransactionSql; revoke: () => void } {
  let over = false;
  let savepoints = 0;
  let changed: Undo | null = null;
  const refuseIfOver = () => {
    if (over) throw new Error("This transaction is over: await its statements before the function that was handed it returns.");
  };

  async function savepoint(name: string | Work, given?: Work): Promise<unknown> {
    const work = typeof name === "string" ? given : name;
    const id = `raincheck_${++savepoints}`;
    await transaction.unsafe(`savepoint ${id}`);
    try {
      const value = await work?.(transaction);
      await transaction.unsafe(`release savepoint ${id}`);
      return value;
    } catch (error) {
      await transaction.unsafe(`rollback to savepoint ${id}`);
      throw error;
    }
  }

  /** postgres.js sends a statement when it is first awaited, which may be later than it was made. */
  function onlyInTime<TStatement>(statement: TStatement): TStatement {
    if (!isStatement(statement)) return statement;
    const handle = statement.handle.bind(statement);
    return Object.assign(statement, {
      handle() {
        if (!statement.executed) refuseIfOver();
        return handle();
      },
    });
  }

  const unsafe: Sql["unsafe"] = (...given) => onlyInTime(session.unsafe(...given));
  const own: Readonly<Record<string, unknown>> = {
    savepoint,
    unsafe,
    begin: undefined,
    reserve: undefined,
    end: undefined,
    close: undefined,
  };
  const transaction = new Proxy(session, {
    apply(target, self, args) {
      refuseIfOver();
      return onlyInTime(Reflect.apply(target, self, args));
    },
    get(target, property, receiver) {
      refuseIfOver();
      // `drizzle(transaction)` changes how dates and JSON are read and written, by these very objects.
      if (property === "options") changed ??= undoOf(session.options);
      return typeof property === "string" && property in own ? own[property] : Reflect.get(target, property, receiver);
    },
  }) as unknown as TransactionSql;
  return {
    transaction,
    revoke() {
      over = true;
      changed?.();
      changed = null;
    },
  };
}

/** What postgres.js makes of a tagged template, as opposed to a piece for one; its types do not show how it is sent. */
function isStatement(made: unknown): made is { readonly executed: boolean; handle(): unknown } {
  return typeof made === "object" && made !== null && "handle" in made && "executed" in made;
}

type Work = (transaction: TransactionSql) => Promise<unknown>;
type Undo = () => void;

/** Puts a session's types back as they are now, so that its next user finds them. */
function undoOf({ parsers, serializers }: Sql["options"]): Undo {
  const kept = [parsers, serializers].map((types) => ({ types: types as Record<string, unknown>, before: { ...types } }));
  return () => {
    for (const { types, before } of kept) {
      for (const type of Object.keys(types)) if (!(type in before)) Reflect.deleteProperty(types, type);
      Object.assign(types, before);
    }
  };
}
