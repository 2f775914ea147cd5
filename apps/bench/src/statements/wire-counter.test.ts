import { expect, test } from "vitest";
import { WireCounter } from "./wire-counter.ts";

function message(type: string, body = ""): Buffer {
  const bytes = Buffer.from(body, "latin1");
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length + 4);
  return Buffer.concat([Buffer.from(type, "latin1"), length, bytes]);
}

/** A connection that has been greeted. */
function connected(): WireCounter {
  const counter = new WireCounter();
  counter.client(message("", "\0\x03\0\0user\0me\0\0"));
  counter.server(Buffer.concat([message("R", "\0\0\0\0"), message("Z", "I")]));
  return counter;
}

const extended = Buffer.concat([message("B", "\0"), message("E", "\0"), message("S")]);

test("a greeting is neither a statement nor a round trip", () => {
  expect(connected()).toMatchObject({ statements: 0, roundTrips: 0, transactions: 0, parses: 0 });
});

test("what is sent without waiting shares a round trip, and a transaction is one", () => {
  const counter = connected();
  counter.client(message("Q", "begin\0"));
  counter.client(extended);
  counter.server(Buffer.concat([message("C", "BEGIN\0"), message("Z", "T")]));
  counter.client(message("Q", "commit\0"));
  counter.server(
    Buffer.concat([message("2"), message("C", "INSERT 0 1\0"), message("Z", "T"), message("C", "COMMIT\0"), message("Z", "I")]),
  );
  expect(counter).toMatchObject({ statements: 3, roundTrips: 1, transactions: 1, parses: 2 });
});

test("what is sent after the answer is another round trip", () => {
  const counter = connected();
  for (let times = 0; times < 2; times++) {
    counter.client(extended);
    counter.server(Buffer.concat([message("2"), message("C", "SELECT 1\0"), message("Z", "I")]));
  }
  expect(counter).toMatchObject({ statements: 2, roundTrips: 2, transactions: 2, parses: 0 });
});

test("who asks how a statement is typed, and waits, makes two round trips of it", () => {
  const counter = connected();
  counter.client(Buffer.concat([message("P", "\0select $1\0\0\0"), message("D", "S\0"), message("H")]));
  counter.server(Buffer.concat([message("1"), message("t", "\0\0")]));
  counter.client(extended);
  counter.server(Buffer.concat([message("2"), message("C", "SELECT 1\0"), message("Z", "I")]));
  expect(counter).toMatchObject({ statements: 1, roundTrips: 2, transactions: 1, parses: 1 });
});

test("messages may come in pieces of any size", () => {
  const counter = connected();
  for (const byte of message("Q", "select 1; select 2\0")) counter.client(Buffer.of(byte));
  const answers = Buffer.concat([message("D", "\0\x01C\0Z"), message("C", "SELECT 1\0"), message("C", "SELECT 1\0"), message("Z", "I")]);
  for (const byte of answers) counter.server(Buffer.of(byte));
  expect(counter).toMatchObject({ statements: 2, roundTrips: 1, transactions: 1, parses: 1 });
});
