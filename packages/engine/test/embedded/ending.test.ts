import { expect, it } from "vitest";
import { isAnybodyPresent } from "../../src/embedded/presence.ts";
import { Project } from "./project.ts";
import type { End, User } from "./user.ts";

const ways: readonly { readonly name: string; readonly end: (user: User) => void; readonly as: End }[] = [
  { name: "has nothing left to do", end: (user) => user.order("end by itself"), as: { code: 0, signal: null } },
  { name: "calls process.exit", end: (user) => user.order("exit"), as: { code: 0, signal: null } },
  { name: "throws", end: (user) => user.order("throw"), as: { code: 1, signal: null } },
  { name: "gets SIGTERM", end: (user) => user.process.kill("SIGTERM"), as: { code: null, signal: "SIGTERM" } },
  { name: "gets SIGINT", end: (user) => user.process.kill("SIGINT"), as: { code: null, signal: "SIGINT" } },
  { name: "gets SIGHUP", end: (user) => user.process.kill("SIGHUP"), as: { code: null, signal: "SIGHUP" } },
  { name: "gets SIGKILL", end: (user) => user.process.kill("SIGKILL"), as: { code: null, signal: "SIGKILL" } },
];

it("a process that ends without closing ends as if it had no Postgres, and the server stops after the last one", async () => {
  await using project = await Project.initialised();
  const users = await Promise.all(ways.map(() => project.open()));
  const { server } = project;

  for (const [index, { name, end, as }] of ways.entries()) {
    const user = users[index] as User;
    // Somebody is present until the last one has ended: one that stays after its end would keep the server for ever.
    expect(isAnybodyPresent(project.file("postgres.users"))).toBe(true);
    expect(project.server).toBe(server);
    end(user);
    expect(await user.ended, name).toEqual(as);
  }
  expect(isAnybodyPresent(project.file("postgres.users"))).toBe(false);
  await project.serverIsGone();
});
