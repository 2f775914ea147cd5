/**
 * Reads a JSON array element by element, so that a file of any size needs the memory of one element.
 *
 * It looks only for where an element ends, which strings and brackets decide; what stands in between is `JSON.parse`'s business.
 *
 * @param source the text in pieces, cut anywhere.
 * @throws {SyntaxError} when the text is not one JSON array, with the character at which that showed.
 */
export async function* readJsonArray(source: AsyncIterable<string>): AsyncGenerator<unknown, void, undefined> {
  /** How many of the array's own two brackets were seen. */
  let brackets = 0;
  /** The text of the current element, as far as it came in earlier pieces. */
  let begun = "";
  let elements = 0;
  let depth = 0;
  let inString = false;
  let escaped = false;
  let offset = 0;

  for await (const piece of source) {
    let start = 0;
    for (let index = 0; index < piece.length; index++) {
      const char = piece[index]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (char === "\\") escaped = true;
        else if (char === '"') inString = false;
        continue;
      }
      if (brackets !== 1) {
        if (isWhitespace(char)) continue;
        if (brackets === 2 || char !== "[")
          throw new SyntaxError(`Not one JSON array: ${JSON.stringify(char)} at character ${offset + index}.`);
        brackets = 1;
        start = index + 1;
      } else if (char === '"') {
        inString = true;
      } else if (char === "[" || char === "{") {
        depth += 1;
      } else if (depth > 0) {
        if (char === "]" || char === "}") depth -= 1;
      } else if (char === "," || char === "]") {
        const text = begun + piece.slice(start, index);
        begun = "";
        start = index + 1;
        if (char === "]") brackets = 2;
        if (char === "]" && elements === 0 && text.trim() === "") continue;
        yield parse(text, offset + index);
        elements += 1;
      }
    }
    if (brackets === 1) begun += piece.slice(start);
    offset += piece.length;
  }
  if (brackets !== 2) throw new SyntaxError(`Not one JSON array: the text ends at character ${offset}, before the array does.`);
}

function isWhitespace(char: string): boolean {
  return char === " " || char === "\n" || char === "\r" || char === "\t";
}

function parse(text: string, end: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SyntaxError(`Not a JSON array: the element that ends at character ${end} cannot be read.`, { cause });
  }
}
