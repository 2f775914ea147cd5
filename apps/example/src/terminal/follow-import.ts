import type { CallEvent, Handle } from "@raincheck/client";
import type { ImportedFlights } from "../flights/import-flights.ts";
import { ImportProgress } from "../flights/import-progress.ts";
import { count } from "./figures.ts";
import { progressBar } from "./progress-bar.ts";
import type { Screen } from "./screen.ts";
import type { Timeline } from "./timeline.ts";

/** How {@link followImport} shows an import. */
export interface FollowImportOptions {
  readonly screen: Screen;
  readonly timeline: Timeline;
  /** Told of each event after it was shown; `progress` is its value, of a progress event. */
  readonly onEvent?: (event: CallEvent<ImportedFlights>, progress: ImportProgress | null) => void;
  readonly signal?: AbortSignal;
}

/** Shows the events of an import as they come, and resolves with its output. Rejects as `handle.result()` does. */
export async function followImport(handle: Handle<ImportedFlights>, options: FollowImportOptions): Promise<ImportedFlights> {
  const { screen, timeline, onEvent, signal } = options;
  /** Where there is no live line, a line is printed for each tenth. */
  let tenths = 0;
  for await (const event of handle.events({ signal })) {
    let progress: ImportProgress | null = null;
    switch (event.type) {
      case "queued":
        timeline.tell({ what: "queued", text: `call ${handle.id}` });
        break;
      case "started":
        tenths = 0;
        timeline.tell({ what: "started", text: `attempt ${event.attempt}` });
        break;
      case "progress": {
        progress = ImportProgress.parse(event.value);
        const moment = {
          what: "progress",
          text: `${progressBar(progress)}  ${count(progress.done).padStart(7)} flights  ${progress.worker}`,
        };
        timeline.live(moment);
        const reached = Math.floor((progress.done / progress.total) * 10);
        if (!screen.isLive && reached > tenths) timeline.tell(moment);
        tenths = reached;
        break;
      }
      case "retrying":
        timeline.keep();
        timeline.tell({ what: "retrying", text: `attempt ${event.attempt}: ${retryReasons[event.reason]}`, style: "yellow" });
        break;
      case "succeeded":
        timeline.keep();
        timeline.tell({ what: "succeeded", text: `attempt ${event.attempt}: rows and result in one commit`, style: "green" });
        break;
      case "failed":
      case "cancelled":
      case "expired":
        timeline.keep();
        timeline.tell({ what: event.type, text: "the import has ended without a result", style: "red" });
        break;
      default:
        event satisfies never;
    }
    onEvent?.(event, progress);
  }
  return handle.result({ signal });
}

const retryReasons = {
  lost: "lost, its worker gave no sign of life for its whole lease",
  "handed-back": "handed back by a worker that stops",
  "timed-out": "timed out",
  failed: "failed",
} as const;
