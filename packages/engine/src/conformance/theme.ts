/**
 * A theme is a list of named tests, as data. Two runners read it: `describeEngine` runs each test on an engine, where it
 * must pass; `describeTwins` runs each on a copy of the memory engine with one thing broken, where it must fail. So no test
 * of the suite can be one that cannot fail.
 */
import type { Engine } from "../engine.ts";
import type { Acceptance, NewCall } from "../new-call.ts";
import type { Trial } from "./trial.ts";

/** An engine with one fault. */
export interface Twin {
  /** What it does wrong, to follow "an engine that". */
  readonly fault: string;
  readonly breakEngine: (engine: Engine) => Engine;
}

/** One test of the suite. */
export interface ConformanceTest {
  readonly run: (trial: Trial) => Promise<void>;
  /** Proves that the test can fail. */
  readonly twin: Twin;
}

/** Tests on one subject. Their names are unique in the whole suite: an engine that skips one names it. */
export interface Theme<TName extends string = string> {
  readonly name: string;
  readonly tests: Readonly<Record<TName, ConformanceTest>>;
}

/** Names a theme and keeps the names of its tests in its type. */
export function defineTheme<TName extends string>(name: string, tests: Readonly<Record<TName, ConformanceTest>>): Theme<TName> {
  return { name, tests };
}

/** A twin with some verbs replaced. */
export function engineThat(fault: string, replace: (engine: Engine) => Partial<Engine>): Twin {
  return { fault, breakEngine: (engine) => ({ ...engine, ...replace(engine) }) };
}

/** A twin that accepts another call than the one it was given. */
export function acceptingThat(fault: string, change: (call: NewCall) => Partial<NewCall>): Twin {
  return engineThat(fault, (engine) => ({
    accept: (call, options): Promise<Acceptance> => engine.accept({ ...call, ...change(call) }, options),
  }));
}
