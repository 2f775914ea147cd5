/** The parts of a chart, as Vega-Lite has them. */
import type { TopLevelSpec } from "vega-lite";
import type { BenchmarkReport, PeerResult, Ratio } from "../report.ts";
import { colours } from "./colours.ts";
import type { Bars, Lines } from "./presentations.ts";
import { figureName, numberOf, paramsName, peerName, ratioName } from "./words.ts";

/** One panel. */
export type PanelSpec = Extract<TopLevelSpec, { vconcat: unknown }>["vconcat"][number];

const width = 400;

/** Makes a panel of bars or of lines. */
export function panelOf(report: BenchmarkReport, panel: Bars | Lines): PanelSpec {
  return panel.kind === "bars" ? barsOf(report, panel) : linesOf(report, panel);
}

function barsOf(report: BenchmarkReport, { metric, title, only = () => true }: Bars): PanelSpec {
  const values = report.results.filter(only).flatMap((result) => {
    const figure = result.metrics[metric];
    if (figure === undefined) return [];
    return {
      ...figure,
      group: paramsName(groupParams(report, result)),
      peer: peerName(result.peer),
      isOwn: result.peer === "raincheck",
      label: labelOf(report, result, metric),
    };
  });
  return {
    title: titleOf(title),
    data: { values },
    facet: {
      row: {
        field: "group",
        sort: [...new Set(values.map(({ group }) => group))],
        title: null,
        header: { labelOrient: "top", labelAnchor: "start", labelFontWeight: "bold" },
      },
    },
    spacing: 12,
    resolve: { scale: { x: "independent", y: "independent" } },
    spec: {
      width,
      height: { step: 22 },
      encoding: { y: { field: "peer", type: "nominal", sort: null, axis: { title: null, domain: false, ticks: false, labelPadding: 8 } } },
      layer: [
        {
          mark: { type: "bar", height: 14 },
          encoding: {
            x: { field: "median", type: "quantitative", axis: null, scale: { nice: false } },
            color: { condition: { test: "datum.isOwn", value: colours.own }, value: colours.other },
          },
        },
        { mark: { type: "rule", color: colours.text }, encoding: { x: { field: "min", type: "quantitative" }, x2: { field: "max" } } },
        {
          mark: { type: "text", align: "left", dx: 7, color: colours.text },
          encoding: { x: { field: "max", type: "quantitative" }, text: { field: "label" } },
        },
      ],
    },
  };
}

function linesOf(report: BenchmarkReport, { metrics, title, over, ratiosTo, only = () => true }: Lines): PanelSpec {
  const values = report.results.filter(only).flatMap((result) =>
    Object.entries(metrics).flatMap(([metric, name]) => {
      const figure = result.metrics[metric];
      if (figure === undefined) return [];
      const ratio = report.ratios.find((one) => one.metric === metric && one.to === ratiosTo && isSame(one.params, result.params));
      const label = ratio === undefined ? "" : `${numberOf(ratio.median)}×`;
      return { ...figure, over: result.params[over.param], name, label };
    }),
  );
  const names = Object.values(metrics);
  const x = {
    field: "over",
    type: over.scale === "steps" ? ("ordinal" as const) : ("quantitative" as const),
    title: over.title,
    scale: over.scale === "steps" ? {} : { type: over.scale, nice: false },
    axis: {
      grid: false,
      labelAngle: 0,
      ...(over.scale === "log" && { format: "~s", values: [...new Set(values.map((one) => Number(one.over)))] }),
    },
  };
  const open = report.results.filter(({ params }) => params["phase"] === "open").map(({ params }) => Number(params["second"]));
  const slice = Number(report.results[0]?.params["second"] ?? 0);
  const shade =
    open.length === 0 || over.param !== "second"
      ? []
      : [
          {
            data: { values: [{ from: Math.min(...open) - slice, to: Math.max(...open), label: "the transaction is open" }] },
            layer: [
              {
                mark: { type: "rect" as const, color: colours.other, opacity: 0.25 },
                encoding: { x: { field: "from", type: "quantitative" as const, title: over.title }, x2: { field: "to" } },
              },
              {
                mark: { type: "text" as const, align: "left" as const, baseline: "top" as const, dx: 4, dy: 4, color: colours.text },
                encoding: { x: { field: "from", type: "quantitative" as const }, y: { value: 0 }, text: { field: "label" } },
              },
            ],
          },
        ];
  const color = {
    field: "name",
    type: "nominal" as const,
    title: null,
    scale: { domain: names, range: [colours.own, colours.second] },
    legend: names.length > 1 ? { orient: "top" as const } : null,
  };
  return {
    title: titleOf(title),
    data: { values },
    width: width + 160,
    height: 170,
    layer: [
      ...shade,
      {
        mark: { type: "rule" },
        encoding: { x, y: { field: "min", type: "quantitative", title: null, axis: { tickCount: 5 } }, y2: { field: "max" }, color },
      },
      { mark: { type: "line", point: { size: 40 } }, encoding: { x, y: { field: "median", type: "quantitative", title: null }, color } },
      // Above the first line, and below the second.
      ...names.map((name, index) => ({
        transform: [{ filter: { field: "name", equal: name } }],
        mark: { type: "text" as const, dy: index === 0 ? -12 : 14, color: colours.text },
        encoding: { x, y: { field: "median", type: "quantitative" as const, title: null }, text: { field: "label" } },
      })),
    ],
    resolve: { scale: { color: "shared" } },
  };
}

function titleOf(text: string) {
  return { text, anchor: "start" as const, frame: "group" as const, fontSize: 12, fontWeight: "normal" as const, offset: 8 };
}

/** The figure, and how Raincheck's stands to it, or it to that of another. */
function labelOf(report: BenchmarkReport, { peer, params, metrics }: PeerResult, metric: string): string {
  const figure = metrics[metric]!;
  const isMeant = (ratio: Ratio): boolean => ratio.metric === metric && isSame(ratio.params, params);
  const ofRaincheck = report.ratios.find((ratio) => isMeant(ratio) && ratio.of === "raincheck" && ratio.to === peer);
  if (ofRaincheck !== undefined) return `${numberOf(figure.median)} · Raincheck ${ratioName(ofRaincheck)}`;
  const own = peer === "raincheck" ? undefined : report.ratios.find((ratio) => isMeant(ratio) && ratio.of === peer);
  return own === undefined ? figureName(figure) : `${numberOf(figure.median)} · ${ratioName(own)} of ${peerName(own.to)}`;
}

/** What is called "in flight" elsewhere are producers where nobody waits for a result. */
function groupParams({ benchmark }: BenchmarkReport, { params }: PeerResult): PeerResult["params"] {
  if (benchmark === "accept" && params["inFlight"] !== undefined) return { producers: params["inFlight"] };
  return benchmark === "cuts" ? { subscribers: params["subscribers"] ?? 0 } : params;
}

function isSame(one: PeerResult["params"], other: PeerResult["params"]): boolean {
  return Object.entries(one).every(([name, value]) => other[name] === value);
}
