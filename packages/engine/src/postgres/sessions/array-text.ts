/**
 * Arrays as Postgres writes them: `{1,2}`, `{{"a b",NULL},{"\"",x}}`, after bounds such as `[0:1]=` or not
 * (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
 */

/** Reads an array; an element by `parse`, where there is one. */
export function parseArrayText(text: string, parse: ((element: string) => unknown) | undefined, delimiter: string): unknown[] {
  let at = text.indexOf("{") + 1;

  function readQuoted(): string {
    let element = "";
    for (at += 1; text[at] !== '"'; at += 1) {
      if (text[at] === "\\") at += 1;
      element += text[at];
    }
    at += 1;
    return element;
  }

  function readBare(): string {
    const from = at;
    while (text[at] !== delimiter && text[at] !== "}") at += 1;
    return text.slice(from, at);
  }

  function readElement(): unknown {
    if (text[at] === "{") {
      at += 1;
      return readElements();
    }
    const isQuoted = text[at] === '"';
    const element = isQuoted ? readQuoted() : readBare();
    if (!isQuoted && element === "NULL") return null;
    return parse === undefined ? element : parse(element);
  }

  /** Behind an opening brace, and then behind the one that closes it. */
  function readElements(): unknown[] {
    const elements: unknown[] = [];
    while (at < text.length && text[at] !== "}") {
      elements.push(readElement());
      if (text[at] === delimiter) at += 1;
    }
    at += 1;
    return elements;
  }

  return readElements();
}

/**
 * Writes an array; an element by `serialize`, where there is one.
 *
 * @throws {TypeError} for an element that is `undefined`.
 */
export function arrayTextOf(
  elements: readonly unknown[],
  serialize: ((element: unknown) => unknown) | undefined,
  delimiter: string,
): string {
  const written = elements.map((element) => {
    if (Array.isArray(element)) return arrayTextOf(element, serialize, delimiter);
    if (element === undefined) throw new TypeError("An array for Postgres holds undefined; expected null or a value.");
    if (element === null) return "NULL";
    const value = valueOf(element);
    const text = String(serialize === undefined ? value : serialize(value));
    return `"${isPlain(text) ? text : text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${written.join(delimiter)}}`;
}

/** Whether it stands between quotes as it is, which nearly every text does. */
function isPlain(text: string): boolean {
  return !text.includes('"') && !text.includes("\\");
}

/** What postgres.js was told the type of, by `sql.typed()` or `sql.json()`, carries its value with it. */
function valueOf(element: unknown): unknown {
  return typeof element === "object" && element !== null && "type" in element && "value" in element && element.type
    ? element.value
    : element;
}
