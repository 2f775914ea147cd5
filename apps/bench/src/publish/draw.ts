import { type LoggerInterface, View, parse } from "vega";
import { type TopLevelSpec, compile } from "vega-lite";
import type { BenchmarkReport } from "../report.ts";
import { colours, darkStyle } from "./colours.ts";
import { panelOf } from "./panels.ts";
import { presentations } from "./presentations.ts";

const font = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif";

/** It warns of scales that each group has of its own, which is what is wanted. */
const silent: LoggerInterface = { level: () => silent, error: () => silent, warn: () => silent, info: () => silent, debug: () => silent };

/** Draws the chart of a benchmark, as an SVG that can be read on light pages and on dark ones. */
export async function draw(report: BenchmarkReport): Promise<string> {
  const { cores, memoryGiB, node, postgres } = report.machine;
  const presentation = presentations[report.benchmark]!;
  const spec: TopLevelSpec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: presentation.title,
      // Without a canvas text is thought to be wider than it is, so the lines are short.
      subtitle: [
        report.rounds === 1 ? "One round." : `Median, and spread, of ${report.rounds} rounds.`,
        `${cores} cores, ${memoryGiB} GiB, Node ${node.replace("v", "")}, Postgres ${postgres}.`,
        ...(report.ratios.length > 0 && presentation.panels.some(({ kind }) => kind === "bars")
          ? ["×: Raincheck's figure divided by the other's."]
          : []),
      ],
      anchor: "start",
      frame: "bounds",
      offset: 14,
      fontSize: 16,
    },
    padding: 16,
    spacing: 28,
    vconcat: presentation.panels.map((panel) => panelOf(report, panel)),
    resolve: { scale: { color: "independent" }, legend: { color: "independent" } },
    config: {
      font,
      background: colours.page,
      view: { stroke: null },
      title: { color: colours.text, subtitleColor: colours.text },
      axis: {
        labelColor: colours.text,
        titleColor: colours.text,
        titleFontWeight: "normal",
        gridColor: colours.faint,
        domainColor: colours.faint,
        tickColor: colours.faint,
        labelLimit: 240,
      },
      header: { labelColor: colours.text },
      legend: { labelColor: colours.text },
    },
  };
  const svg = await new View(parse(compile(spec, { logger: silent }).spec), { renderer: "none" }).toSVG();
  return `${svg.replace(/(<svg[^>]*>)/, (opening) => `${opening}${darkStyle()}`)}\n`;
}
