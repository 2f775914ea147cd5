export { type DescribeEngineOptions, type Skip, describeEngine } from "./describe-engine.ts";
export type { Effects, EngineUnderTest, MakeEngine, MakeOptions } from "./engine-under-test.ts";
export { describeTwins } from "./describe-twins.ts";
export type { TestName } from "./themes.ts";
export { checkCall, checkEvents } from "./check-call.ts";
