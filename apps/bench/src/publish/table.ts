import type { BenchmarkReport, PeerResult, Ratio } from "../report.ts";
import { presentations } from "./presentations.ts";
import { figureName, metricName, paramsName, peerName, ratioName } from "./words.ts";

/** Of more metrics each has a row, and the peers have the columns. */
const mostColumns = 8;

/** The figures of a benchmark as a Markdown table, and its ratios below it. */
export function tableOf(report: BenchmarkReport): string {
  const { cores, memoryGiB, node, postgres } = report.machine;
  const { inTable = (all) => all } = presentations[report.benchmark]!;
  const shown = [...Map.groupBy(inTable(report.results), ({ params }) => paramsName(params)).values()].flat();
  const metrics = [...new Set(shown.flatMap((result) => Object.keys(result.metrics)))];
  const cell = (result: PeerResult, metric: string): string => {
    const figure = result.metrics[metric];
    return figure === undefined ? "" : figureName(figure);
  };
  const figures =
    metrics.length > mostColumns
      ? markdownTable(
          ["", ...shown.map(({ peer, params }) => `${peerName(peer)}, ${paramsName(params)}`)],
          metrics.map((metric) => [metricName(metric), ...shown.map((result) => cell(result, metric))]),
        )
      : markdownTable(
          ["", "", ...metrics.map(metricName)],
          shown.map((result) => [paramsName(result.params), peerName(result.peer), ...metrics.map((metric) => cell(result, metric))]),
        );
  return [
    `${report.rounds} ${report.rounds === 1 ? "round" : "rounds"}; ${cores} cores, ${memoryGiB} GiB, Node ${node.replace("v", "")}, Postgres ${postgres}; median (least to greatest).`,
    figures,
    ...ratioTable(report),
  ].join("\n\n");
}

function ratioTable(report: BenchmarkReport): string[] {
  if (report.ratios.length === 0) return [];
  const { ratiosOf } = presentations[report.benchmark]!;
  const ratios = report.ratios.filter(({ metric }) => ratiosOf?.includes(metric) ?? true);
  const metrics = [...new Set(ratios.map(({ metric }) => metric))];
  const nameOf = ({ of, to }: Ratio): string => `${peerName(of)} / ${peerName(to)}`;
  const alike = Map.groupBy(ratios, ({ params }) => paramsName(params));
  const groups = [...alike.values()].flatMap((group) => [...Map.groupBy(group, nameOf).values()]);
  const rows = groups.map((group) => [
    paramsName(group[0]!.params),
    nameOf(group[0]!),
    ...metrics.map((metric) => {
      const ratio = group.find((one) => one.metric === metric);
      return ratio === undefined ? "" : ratioName(ratio);
    }),
  ]);
  return ["The ratios, round by round:", markdownTable(["", "", ...metrics.map(metricName)], rows)];
}

/** Padded as the formatter pads. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}
