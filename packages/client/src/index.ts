export { type DeferClientOptions, createDeferClient } from "./defer-client.ts";
export { type DeferLinkOptions, deferLink } from "./defer-link.ts";
export type { EventsOptions, FollowOptions, Handle } from "./handle.ts";
export type { DeferClient, DeferOptions, DeferProcedure, FirstOf } from "./inference.ts";
export { CallCancelled, CallExpired, CallFailed, InvalidOption, hasTag, isTerminal, isTerminalEvent } from "@raincheck/protocol";
export type {
  CallEvent,
  CallId,
  CallSnapshot,
  CallState,
  Duration,
  Failure,
  FailureCode,
  HandleJson,
  StartOptions,
  TerminalEvent,
  TerminalState,
} from "@raincheck/protocol";
