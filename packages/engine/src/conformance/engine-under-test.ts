import type { Engine } from "../engine.ts";

/** What the suite asks of {@link MakeEngine}. */
export interface MakeOptions {
  /** `false`: the engine must hear no notification, so that everything is found by its poll. */
  readonly listen: boolean;
}

/** Makes an engine on an empty ledger of its own, started. */
export type MakeEngine<TTransaction> = (options: MakeOptions) => Promise<EngineUnderTest<TTransaction>>;

/** An engine with what a test needs around it. Disposing stops every engine that it opened and removes the ledger. */
export interface EngineUnderTest<TTransaction = unknown> extends AsyncDisposable {
  readonly engine: Engine<TTransaction>;

  /**
   * Opens a second engine on the same ledger with connections of its own, as another process would have one. It is stopped
   * when this is disposed. An engine of one process rejects, and declares the tests of the theme `processes` as skipped.
   */
  open(): Promise<Engine<TTransaction>>;

  /** Does at once what the engine otherwise does from time to time: removing what was retained long enough. */
  sweep(): Promise<void>;

  /** Where an application's own writes go: each test marks it through a transaction and reads the marks that were kept. */
  readonly effects: Effects<TTransaction>;
}

/** See {@link EngineUnderTest.effects}. */
export interface Effects<TTransaction = unknown> {
  /** Writes a mark through an open transaction. The same mark twice is two marks. */
  write(transaction: TTransaction, mark: string): Promise<void>;
  /** How often this mark was kept, as somebody outside the transaction sees it. */
  count(mark: string): Promise<number>;
}
