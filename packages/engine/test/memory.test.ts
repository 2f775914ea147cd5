import { describeEngine } from "../src/conformance/index.ts";
import { makeMemorySubject } from "./memory-subject.ts";

describeEngine({
  name: "memory",
  make: makeMemorySubject,
  skip: [
    {
      reason: "the memory engine has no transactions: what is written in one is written",
      tests: [
        "a call accepted in a transaction is not there before that commits",
        "a call accepted in a transaction that rolls back was never there",
        "what a commit wrote before it threw is rolled back",
        "of commits of one attempt at once, one is written",
        "a cancel during a commit comes before it or after it, whole",
        "what a transaction wrote before it threw is rolled back",
        "what a commit starts that throws was never there",
        "what a commit of a stale attempt starts was never there",
      ],
    },
    {
      reason: "the memory engine lives in one process",
      tests: [
        "what one engine does wakes the subscribers of another",
        "a call that one engine ends is told of to another that waits for replies",
        "what one engine accepts or gives back is claimed by another that waits",
        "claims of two engines at once never hand one call to both",
        "claims of two engines at once never exceed a limit",
        "a batch that comes to two engines at once is written once",
        "acceptances of one key by two engines at once make one call",
        "a cancel by one engine is told to the attempt at another",
        "what one process has set aside another finds, and runs",
        "the calls of an engine that stopped are found by another, and the stopped one's attempts are stale",
      ],
    },
  ],
});
