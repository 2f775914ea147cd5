/**
 * As a condition, of a `call` that is found by its id: it runs. Said so that no index of running calls has it. To the planner such an index looks
 * small enough to be read for every statement, and while a transaction stays open anywhere it holds all that have run since.
 */
export const isRunningSql = "call.state || '' = 'running'";
