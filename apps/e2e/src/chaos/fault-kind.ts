/** What the nemesis does; each is counted under its name. */
export const faultKinds = [
  /** SIGKILL of a worker or the API, which is started again at once. */
  "sigkill",
  /** SIGSTOP of a worker or the API for 0.5 to 6 seconds: past its lease, it wakes as a zombie. */
  "sigstop",
  /** SIGTERM of a worker, which must drain and exit by itself. */
  "sigterm",
  /** `pg_terminate_backend` of four in ten of the engine's connections. */
  "terminatedBackend",
  /** An immediate shutdown of Postgres (no checkpoint, as after a crash) and up to a second without it. */
  "postgresRestart",
  /** Every connection of a link cut at once, or one at a random byte. */
  "cut",
  /** A link over which nothing passes for one to three seconds, and nothing is closed; half the time it is cut then. */
  "blackhole",
  /** The answer to a COMMIT lost on its way, and the connection with it. */
  "lostAnswer",
  /** A call whose resolver kills its process, three times. */
  "poison",
] as const;

/** See {@link faultKinds}. */
export type FaultKind = (typeof faultKinds)[number];
