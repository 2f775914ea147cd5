/**
 * Finds what JSON would lose of a value, before it is written. Iterative: a value nested a million deep is refused, it does not
 * overflow the stack.
 *
 * What tRPC's own types promise of JSON is not a loss: a `Date` becomes its ISO string, an object with `toJSON()` what that
 * returns, a property that is `undefined` or a function is dropped. What the types do not tell is one: a BigInt, `NaN`, a `Map`.
 */

/** What was found. */
export interface StorageFault {
  readonly code: "NOT_STORABLE" | "TOO_LARGE";
  /** Where and what, to follow "cannot be kept:". */
  readonly sentence: string;
}

/** How strict {@link findStorageFault} is. */
export interface StorageRules {
  /** How many objects and arrays may be inside one another. */
  readonly maxDepth: number;
  /** The check ends when the JSON must be longer than this, so that a small graph of shared objects cannot unfold for ever. */
  readonly maxBytes: number;
  /** Refuses also what JSON turns into something else by its rules: `toJSON()`, functions, instances of classes. */
  readonly exact: boolean;
}

interface Frame {
  readonly container: object;
  /** `null`: an array, walked by index. */
  readonly keys: readonly string[] | null;
  readonly length: number;
  index: number;
}

const mend = "Give the router a transformer that knows it, such as superjson, or convert it first.";

/** Objects of which JSON keeps nothing, or nonsense, by the name that `Object.prototype.toString` gives them. */
const lossyObjects = new Set([
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "RegExp",
  "Error",
  "Promise",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Blob",
  "File",
  "FormData",
  "Headers",
  "Request",
  "Response",
  "URLSearchParams",
  "ReadableStream",
  "Generator",
  "AsyncGenerator",
]);

/** What JSON would lose of a value; `null` when nothing. Getters and `toJSON()` of the value may throw, and that is passed on. */
export function findStorageFault(value: unknown, rules: StorageRules): StorageFault | null {
  const frames: Frame[] = [];
  const onPath = new Set<object>();
  let leastBytes = 0;

  const lost = (what: string): StorageFault => ({ code: "NOT_STORABLE", sentence: `${placeOf(frames)} is ${what}. ${mend}` });

  const enter = (raw: unknown): StorageFault | null => {
    const top = frames.length === 0;
    const one = throughToJson(raw, frames);
    leastBytes += typeof one === "string" ? one.length + 2 : 1;
    if (rules.exact && !Object.is(one, raw))
      return lost(`${withArticle(nameOf(Object(raw)))}, which does not come back from JSON as it was`);
    switch (typeof one) {
      case "bigint":
        return lost("a BigInt, which JSON has no form for");
      case "number":
        return Number.isFinite(one) ? null : lost(`${one}, which JSON turns into null`);
      case "function":
      case "symbol":
        return top || rules.exact ? lost(`a ${typeof one}, which JSON drops`) : null;
      case "undefined":
        return rules.exact && frames.at(-1)?.keys === null ? lost("undefined, which JSON turns into null in an array") : null;
      case "object":
        return one === null ? null : enterObject(one, raw);
      default:
        return null;
    }
  };

  const enterObject = (object: object, raw: unknown): StorageFault | null => {
    const kind = nameOf(object);
    if (raw instanceof Date && Number.isNaN(raw.getTime())) return lost("an invalid Date");
    if (lossyObjects.has(kind) || ArrayBuffer.isView(object)) return lost(`${withArticle(kind)}, of which JSON keeps nothing`);
    if (Symbol.asyncIterator in object) return lost("an async iterable, of which JSON keeps nothing");
    if (rules.exact && !isPlain(object)) return lost(`${withArticle(kind)}, which does not come back from JSON as it was`);
    if (onPath.has(object)) return lost("an object that contains itself");
    if (frames.length >= rules.maxDepth) return tooDeep(rules.maxDepth);
    onPath.add(object);
    const keys = Array.isArray(object) ? null : Object.keys(object);
    frames.push({ container: object, keys, length: keys?.length ?? (object as readonly unknown[]).length, index: 0 });
    return null;
  };

  let fault = enter(value);
  while (fault === null && frames.length > 0) {
    if (leastBytes > rules.maxBytes) return { code: "TOO_LARGE", sentence: `it has more than ${rules.maxBytes} bytes.` };
    const frame = frames.at(-1)!;
    if (frame.index === frame.length) {
      onPath.delete(frame.container);
      frames.pop();
      if (frames.length > 0) frames.at(-1)!.index++;
      continue;
    }
    const key = frame.keys === null ? frame.index : frame.keys[frame.index]!;
    if (typeof key === "string") leastBytes += key.length + 3;
    const depth = frames.length;
    fault = enter(Reflect.get(frame.container, key));
    if (fault === null && frames.length === depth) frame.index++;
  }
  return fault;
}

/** What is said of a value that is nested too deep. */
export function tooDeep(maxDepth: number): StorageFault {
  return { code: "NOT_STORABLE", sentence: `it is nested more than ${maxDepth} deep. Flatten it.` };
}

/** Whether a value is nested deeper than a limit, looking into what transformers look into. Shared objects are seen once. */
export function isDeeperThan(value: unknown, maxDepth: number): boolean {
  const seen = new Set<object>();
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const containers = level.filter((one): one is object => typeof one === "object" && one !== null && !seen.has(one) && isContainer(one));
    if (containers.length > 0 && depth >= maxDepth) return true;
    level = [];
    for (const container of containers) {
      if (seen.has(container)) continue;
      seen.add(container);
      for (const inner of innerValues(container)) level.push(inner);
    }
  }
  return false;
}

function isContainer(object: object): boolean {
  return object instanceof Map || object instanceof Set || isPlain(object);
}

function innerValues(container: object): Iterable<unknown> {
  if (container instanceof Map) return [...container.keys(), ...container.values()];
  if (container instanceof Set) return container;
  return Object.values(container);
}

function isPlain(object: object): boolean {
  if (Array.isArray(object)) return true;
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === null || prototype === Object.prototype;
}

/** What `JSON.stringify` looks at in place of a value. */
function throughToJson(value: unknown, frames: readonly Frame[]): unknown {
  if ((typeof value !== "object" && typeof value !== "bigint") || value === null) return value;
  const toJson: unknown = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function" && !(value instanceof Date && Number.isNaN(value.getTime()))) return toJson.call(value, lastKey(frames));
  if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) return value.valueOf();
  return value;
}

function lastKey(frames: readonly Frame[]): string {
  const frame = frames.at(-1);
  return frame === undefined ? "" : (frame.keys?.[frame.index] ?? String(frame.index));
}

function nameOf(object: object): string {
  return Object.prototype.toString.call(object).slice(8, -1);
}

function withArticle(name: string): string {
  return `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;
}

/** The path to what is being looked at: `it.rows[3]["a b"]`. */
function placeOf(frames: readonly Frame[]): string {
  let place = "it";
  for (const { keys, index } of frames) {
    const key = keys?.[index];
    if (key === undefined) place += `[${index}]`;
    else place += /^[A-Za-z_$][\w$]{0,63}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)}]`;
    if (place.length > 300) return `${place.slice(0, 300)}…`;
  }
  return place;
}
