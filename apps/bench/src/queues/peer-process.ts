/**
 * One process of a peer: `prepare`, `worker` or `caller`. It says when it is ready; a caller then measures what it is asked to. It ends when
 * the channel to its parent closes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { measure } from "./measure.ts";
import { type Caller, type PeerName, type Server, loadPeer } from "./peer.ts";
import type { Told } from "./processes.ts";

const { PEER_NAME: name, PEER_ROLE: role, PEER_URL: url = "", PEER_IN_FLIGHT: inFlight, PEER_WORK: work } = process.env;
const peer = await loadPeer(name as PeerName);
const server: Server = { url, inFlight: Number(inFlight), work: work === "backlog" ? "backlog" : "calls" };

switch (role) {
  case "prepare": {
    await peer.prepare(server);
    process.disconnect();
    break;
  }
  case "worker": {
    const worker = await peer.openWorker(server);
    process.once("disconnect", () => void worker[Symbol.asyncDispose]());
    process.send!("ready");
    break;
  }
  case "caller": {
    const caller = await peer.openCaller(server);
    process.on("message", async (told: Told) => process.send!(await obey(caller, told)));
    process.once("disconnect", () => void caller[Symbol.asyncDispose]());
    process.send!("ready");
    break;
  }
  default:
    throw new Error(`PEER_ROLE=${role}: expected prepare, worker or caller.`);
}

async function obey(caller: Caller, told: Told): Promise<unknown> {
  switch (told.do) {
    case "measure":
      return measure(caller, told.asked);
    case "fill":
      return (await caller.fill(told.count)) ?? "filled";
    case "await-drained": {
      while ((await caller.left()) > 0) await sleep(25);
      return "drained";
    }
  }
}
