// An esbuild plugin that leaves out of uPlot what no chart of this page uses: bars, steps and splines, scales that are not
// linear, its own legend, texts of dates, joining of tables. uPlot is one closure, which no bundler shakes: what is never true
// for our options (src/ui/chart.tsx) is written as false, and functions that are then never called lose their bodies. Each
// cut must be found where it was, or the build fails: a new uPlot has to be looked at.
import { readFile } from "node:fs/promises";

const NEVER_CALLED = [
  ..."bars stepped splineInterp _monotoneCubic join rangeLog rangeAsinh".split(" "),
  ..."logAxisSplits asinhAxisSplits log10AxisValsFilt log2AxisValsFilt".split(" "),
  ..."rangeNum _rangeNum snapNumY snapLogY snapAsinhY clampScale autoPadSide setSeries setBand clipBandLine setFocus setAlpha toggleDOM dblClick setLegendValues syncLegend seriesPointsShow legendStroke legendFill".split(" "),
  ..."points addSeries delSeries addBand delBand initLegendRow fmtDate tzDate timeAxisVals timeAxisVal timeAxisStamps timeSeriesVal timeAxisSplits".split(" "),
];

const CUTS = [
  [/^uPlot\.(assign|fmtNum|rangeNum|rangeLog|rangeAsinh|orient|pxRatio) *=.*$/gm, ""],
  [/^\tuPlot\.(join|fmtDate|tzDate|addGap|clipGaps) *=.*$/gm, ""],
  [/^\t\(paths\.(linear|stepped|bars|spline) *=.*$/gm, ""],
  [/^\tlet paths = uPlot\.paths = \{\s*points,\s*\};/m, ""],
  [/\b(showLegend|multiValLegend)(?= \?|\)| &&| \|\|)/g, "false"],
  [/\b(cursorFocus|cursorOnePt)(?= \?|\)| &&| \|\|)/g, "false"],
  [/\bscaleX\.ori == 1\b/g, "false"],
  [/\bscaleX\.ori == 0\b/g, "true"],
  [/\bmode == 2\b/g, "false"],
  [/\bmode == 1\b/g, "true"],
  [/\b(\w+|scales\[\w+\])\.distr (==|>=) (2|3|4|100)\b/g, "false"],
  [/\bflags != 0 && bands\.forEach\(/g, "false && bands.forEach("],
  [/\bisTime(?= \?|\)| &&)/g, "false"],
  [/\b_timeAxisStamps(Ms|S)\)/g, "[])"],
];

function withoutBody(source, name) {
  const begin = source.search(new RegExp(`^\\t?function ${name}\\(`, "m"));
  if (begin < 0) throw new Error(`web/uplot.mjs: uPlot has no function ${name}`);
  const indent = source[begin] === "\t" ? "\t" : "";
  const open = source.indexOf(") {\n", begin) + 2;
  const end = source.indexOf(`\n${indent}}`, open);
  return `${source.slice(0, open)}{${source.slice(end + 1 + indent.length)}`;
}

export function trim(source) {
  for (const [found, instead] of CUTS) {
    const next = source.replace(found, instead);
    if (next === source) throw new Error(`web/uplot.mjs: uPlot has no ${found}`);
    source = next;
  }
  return NEVER_CALLED.reduce(withoutBody, source);
}

export const uplot = {
  name: "uplot",
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, async ({ path }) => ({ contents: trim(await readFile(path, "utf8")), loader: "js" }));
  },
};
