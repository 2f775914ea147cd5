/**
 * One process of a peer: `prepare`, `worker` or `caller`. It says when it is ready; a caller then measures what it is asked to. It ends when
 * the channel to its parent closes.
 */
import { type Asked, measure } from "./measure.ts";
import { loadPeer } from "./peer.ts";

const { PEER_NAME: name = "", PEER_ROLE: role, PEER_URL: url = "", PEER_IN_FLIGHT: inFlight } = process.env;
const peer = await loadPeer(name);
const server = { url, inFlight: Number(inFlight) };

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
    process.on("message", async (asked: Asked) => process.send!(await measure(caller, asked)));
    process.once("disconnect", () => void caller[Symbol.asyncDispose]());
    process.send!("ready");
    break;
  }
  default:
    throw new Error(`PEER_ROLE=${role}: expected prepare, worker or caller.`);
}
