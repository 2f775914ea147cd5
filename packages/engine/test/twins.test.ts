import { describeTwins } from "../src/conformance/index.ts";
import { makeMemorySubject } from "./memory-subject.ts";

describeTwins(async () => {
  const subject = await makeMemorySubject();
  return {
    ...subject,
    // What another process would see of a sound ledger; stopping it stops nothing here.
    open: async () => ({ ...subject.engine, stop: async () => {} }),
  };
});
