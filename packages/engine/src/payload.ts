/** A value as it is stored: text made by the server's codec, opaque to the engine, of any Unicode except U+0000 and lone surrogates. */
export type Payload = string;
