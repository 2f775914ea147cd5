/** Types only: what a procedure whose resolver is an `async function*` yields, and what it returns. */

/** What a procedure's call results in: of a streaming procedure what its generator returns, of any other its output. */
export type ResultOf<TOutput> = 0 extends 1 & TOutput
  ? TOutput
  : TOutput extends AsyncIterable<unknown, infer $Result, never>
    ? $Result
    : TOutput;

/** What a streaming procedure yields; `never` for any other. */
export type YieldOf<TOutput> = 0 extends 1 & TOutput
  ? TOutput
  : TOutput extends AsyncIterable<infer $Yield, unknown, never>
    ? $Yield
    : never;
