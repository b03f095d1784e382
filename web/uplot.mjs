// An esbuild plugin that leaves out of uPlot what no chart of this page uses: bars, steps and splines, bands, points of lines,
// scales that are not linear, its own legend, its own steps and texts of time, dragging up and down, joining of tables. uPlot is
// one closure, which no bundler shakes: what is never true for our options (src/ui/chart.tsx) is written as false, and functions
// that are then never called lose their bodies. Each cut must be found where it was, or the build fails: a new uPlot has to be
// looked at.
import { readFile } from "node:fs/promises";

const NEVER_CALLED = [
  ..."bars stepped splineInterp _monotoneCubic join rangeLog rangeAsinh".split(" "),
  ..."logAxisSplits asinhAxisSplits log10AxisValsFilt log2AxisValsFilt".split(" "),
  ..."rangeNum _rangeNum snapNumY snapLogY snapAsinhY clampScale autoPadSide setSeries setBand clipBandLine setFocus setAlpha toggleDOM dblClick setLegendValues syncLegend seriesPointsShow legendStroke legendFill".split(" "),
  ..."points addSeries delSeries addBand delBand initLegendRow numAxisVals numSeriesVal seriesFillTo bandFillClipDirs flushHooks rect genTimeStuffs fmtDate timeAxisVals timeAxisVal timeAxisStamps timeSeriesVal".split(" "),
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
  // bands, maps of strokes, points, alpha, facets of series
  [/^\t+let \[ bandFillDir, bandClipDir \] = .*$/gm, ""],
  [/\b(bandFillDir|bandClipDir) != 0\b/g, "false"],
  [/\bseries\.fillTo\(.*, bandFillDir\)/g, "0"],
  [/\bfnOrSelf\(s\.fillTo \|\| seriesFillTo\)/g, "0"],
  [/^\tbands\.forEach\(b => \{[^]*?^\t\}\);/m, ""],
  [/ \|\| bandClip\)/g, ")"],
  [/\bif \(bandClip\)/g, "if (false)"],
  [/\b(strokePath|fillPath) instanceof Map\b/g, "false"],
  [/\b_points \? series\[si\]\.points : series\[si\]/g, "series[si]"],
  [/\b_points(?= &&|\) *$)/gm, "false"],
  [/\bif \(!_points\)/g, "if (true)"],
  [/\bif \(show \|\| idxs\)/g, "if (false)"],
  [/\bctxAlpha != (s\.alpha|_ctxAlpha)/g, "false"],
  [/^\t+let shouldAlpha = .*$/m, ""],
  [/\bif \(shouldAlpha\)/g, "if (false)"],
  // scales made of others, ranges that are lists or records, labels and borders of axes, words that are slanted
  [/\b(scaleOpts|sc|wsc)\.from != null\b/g, "false"],
  [/\b(sc|wsc)\.from == null\b/g, "true"],
  [/\bif \(rangeIsArr &&/g, "if (false &&"],
  [/!rangeIsArr && isObj\(rn\)/g, "false"],
  [/\brangeIsArr \? false : /g, ""],
  [/\bxScaleDistr == \d/g, "false"],
  [/\b_resetScales !== false\b/g, "false"],
  [/\baxis\.label != null\b/g, "false"],
  [/\baxis\.labelFont = .*$/m, ""],
  [/\[axis\.font, axis\.labelFont\]/g, "[axis.font]"],
  [/\bborder\.show\b/g, "false"],
  [/\blet angle = .*$/m, "const angle = 0;"],
  [/\bgetBBox != null\b/g, "false"],
  // what the axis of time needs only when it stands upright
  [/\bsx\.ori == 0\b/g, "true"],
  [/\bconst (moveToV|lineToV|rectV|arcH|arcV|bezierCurveToH|bezierCurveToV) = .*$/gm, "const $1 = null;"],
  [/\bconst rectH = .*$/gm, "const rectH = (p, x, y, w, h) => p.rect(x, y, w, h);"],
  [/\bori == 0 \? rectH : rectV\b/g, "rectH"],
  // dragging up and down, or for a scale of its own; plug-ins, and titles of charts
  [/\bdragY\b(?! =)/g, "false"],
  [/\bdrag\.(y|setScale)(?= &&)/g, "false"],
  [/^\t\(opts\.plugins \|\| \[\]\)\.forEach\(p => \{[^]*?^\t\}\);/gm, ""],
  [/\bopts\.(id != null|title\b)(?=\))/g, "false"],
  [/\bif \(deferHooks\)/g, "if (false)"],
  [/^\t+deferHooks = .*$/gm, ""],
  [/\b_deferHooks && /g, "false && "],
  [/\blegend\.live\b(?=\))/g, "false"],
  [/^const numFormatter = .*$/m, ""],
  [/^\tconst (_timeAxisSplits|_timeAxisVals|_timeSeriesVal) .*$/gm, ""],
  [/\bgenTimeStuffs\((1|1e-3)\)/g, "[]"],
  [/^const (nav|months3|days3|localTz) = .*$/gm, "const $1 = null;"],
  [/^const legendOpts = \{[^]*?^\};/m, "const legendOpts = { markers: {} };"],
  [/\bconst domEnv = .*$/m, "const domEnv = true;"],
  [/^\t+(_fire !== false && )?fire\("(?!setCursor|setSelect).*$/gm, ""],
  [/^\tself\.(setSeries|setLegend|posToIdx|setCursor|redraw) = \w+;$/gm, ""],
  [/^\tself\.(setCursor|valToPos) = [^]*?^\t(\}|\));$/gm, ""],
  [/^\t\tmarkers\.\w+ += .*$/gm, ""],
  [/^\tevents\["setSeries"\] = [^]*?^\t\};/m, ""],
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
