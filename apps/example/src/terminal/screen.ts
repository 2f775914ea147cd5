/** The terminal as a list of lines and, on a real terminal, one live line below them that is drawn again and again. */
import { styleText } from "node:util";

/** What a text can look like. */
export type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

/** Where programs print. */
export interface Screen {
  /** Whether {@link Screen.live} shows anything: a terminal does, a file or a pipe does not. */
  readonly isLive: boolean;
  /** A text in a style; plain where colours are not wanted (`NO_COLOR`, no terminal). */
  style(style: Style | readonly Style[], text: string): string;
  /** Prints lines above the live line. */
  print(...lines: readonly string[]): void;
  /** Draws the live line; `null` takes it away. */
  live(text: string | null): void;
}

/** A screen on a stream. Default: the standard output. */
export function openScreen(stream: NodeJS.WritableStream & { readonly isTTY?: boolean } = process.stdout): Screen {
  const isLive = stream.isTTY === true && process.env["TERM"] !== "dumb";
  let live: string | null = null;
  const clear = "\r\u001B[2K";
  return {
    isLive,
    style: (style, text) => styleText(style as Parameters<typeof styleText>[0], text, { stream }),
    print(...lines) {
      const text = lines.map((line) => `${line}\n`).join("");
      stream.write(live === null ? text : `${clear}${text}${live}`);
    },
    live(text) {
      if (!isLive || text === live) return;
      stream.write(text === null ? clear : `${clear}${text}`);
      live = text;
    },
  };
}
