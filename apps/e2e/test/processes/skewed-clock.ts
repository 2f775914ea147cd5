/** Preloaded (`--import`): the wall clock of the process is off by `SKEW_MS`. Its monotonic clock is right, as it is on such machines. */
const skewMs = Number(process.env["SKEW_MS"]);
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [RealDate.now() + skewMs] : args, newTarget) as object,
  apply: () => new Date().toString(),
  get: (target, property, receiver) =>
    property === "now" ? () => RealDate.now() + skewMs : (Reflect.get(target, property, receiver) as unknown),
});
