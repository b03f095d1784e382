// A chart in a card: title, figures of its lines (the newest, or those under the cursor), one line of summary, and its table.
// All charts of the page share the cursor and the page's time range; dragging over one chooses a part for all of them.
// A chart that is not on the screen is not drawn, and reads nothing.
import { computed, effect, useComputed, useSignal, type ReadonlySignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import "./chart.css";
import { clock, NONE } from "../lib/format";
import type { ChartData } from "../lib/history";
import { color, painted } from "../lib/theme";
import { now, paused, range, setFixed, span } from "../lib/time";
import { short, units, type Unit } from "../lib/unit";
import { Icon } from "./icon";

export interface ChartLine {
  label: string;
  color?: number; // of --series-N, 1 to 5 or 8; by default its place
}

export interface ChartProps {
  title: string;
  data: ReadonlySignal<ChartData>;
  lines: readonly ChartLine[];
  unit: Unit;
  stacked?: boolean; // the lines are parts of a whole, which the summary tells
  max?: number; // top of the axis when nothing is above it: the whole of memory, 100 %
  height?: number;
  note?: ComponentChildren; // behind the title: a limit, a link
}

type Line = readonly (number | null)[];

/** Minimum, mean, maximum and last of what is known. */
export function summarise(line: Line): { min: number; mean: number; max: number; last: number } | null {
  let [min, max, sum, known, last] = [Infinity, -Infinity, 0, 0, 0];
  for (const value of line) {
    if (value === null) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    known++;
    last = value;
  }
  return known ? { min, max, mean: sum / known, last } : null;
}

const totals = (values: readonly Line[], length: number): Line =>
  Array.from({ length }, (_, at) => values.reduce<number | null>((sum, line) => (line[at] == null ? sum : (sum ?? 0) + line[at]), null));

function hour(time: number, step: number): string {
  const text = clock(time);
  if (step < 60) return text.slice(0, 8);
  if (step < 86_400) {
    const at = new Date(time * 1000);
    if (at.getHours() || at.getMinutes()) return text.slice(0, 5);
  }
  return clock(time, true).slice(5, 10);
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

/** A colour two thirds on its way to the card's: opaque, as it is painted over the layers behind it. */
function faded(tone: string): string {
  const parts = (hex: string) => (hex.length < 7 ? hex.replace(/\w/g, "$&$&") : hex).slice(1).match(/../g)!.map((each) => parseInt(each, 16));
  const card = parts(color("--surface"));
  return `rgb(${parts(tone).map((value, at) => Math.round(value * 0.35 + card[at]! * 0.65))})`;
}

/** Times at which a clock on the wall shows whole steps: hours and days of this time zone. */
function wholeSteps(low: number, high: number, step: number): number[] {
  const ahead = new Date(low * 1000).getTimezoneOffset() * -60;
  const first = Math.ceil((low + ahead) / step) * step - ahead;
  return Array.from({ length: Math.max(0, Math.floor((high - first) / step) + 1) }, (_, at) => first + at * step);
}

/** The point under the cursor; a line that ends far from it has nothing to say there. */
function nearest(self: uPlot): number | null {
  const { idx, left } = self.cursor;
  const { min, max } = self.scales.x!;
  if (idx == null || left == null || left < 0) return null;
  return Math.abs(self.data[0][idx]! - self.posToVal(left, "x")) < (max! - min!) / 16 ? idx : null;
}

/** Drawn on a canvas, so colours are asked for, not inherited. Functions: a new theme only has to draw again. */
function options(props: ChartProps, seen: (at: number | null) => void): Omit<uPlot.Options, "width" | "height"> {
  const { unit, stacked, lines, max } = props;
  const { marks, least } = units[unit];
  const tone = (line: number) => color(`--series-${lines[line]!.color ?? line + 1}`);
  // a whole is drawn from its sum down, each part over the one before
  const order = lines.map((_, line) => (stacked ? lines.length - 1 - line : line));
  return {
    legend: { show: false },
    padding: [8, 8, 0, 0],
    drawOrder: (stacked ? ["series", "axes"] : ["axes", "series"]) as uPlot.DrawOrderKey[],
    cursor: {
      y: false,
      points: { size: 6 },
      hover: { prox: 24 },
      drag: { x: true, y: false, setScale: false, dist: 4 },
      sync: { key: "page", scales: ["x", null], setSeries: false },
    },
    scales: {
      x: { time: false, auto: false },
      // bytes far below their limit would be a line on the floor: they get an axis of their own
      y: { range: (_self, _low, high) => [0, max && max >= high && (unit !== "bytes" || high > max / 4) ? max : Math.max(high * 1.05, least)] },
    },
    axes: [
      {
        stroke: () => color("--muted"),
        grid: { show: false },
        ticks: { stroke: () => color("--line"), width: 1, size: 4 },
        font: "11px system-ui, sans-serif",
        size: 24,
        gap: 2,
        space: 58,
        incrs: SECONDS,
        splits: (_self, _axis, low, high, step) => wholeSteps(low, high, step),
        values: (self, splits, _axis, _space, step) => {
          const { min, max: end } = self.scales.x!;
          const rim = (end! - min!) * 0.08; // no room for a whole word there
          return splits.map((time) => (time > end! - rim ? "" : hour(time, step)));
        },
      },
      {
        stroke: () => color("--muted"),
        grid: { stroke: () => color("--grid"), width: 1 },
        ticks: { show: false },
        font: "11px system-ui, sans-serif",
        size: 60,
        gap: 4,
        space: 26,
        incrs: marks,
        values: (_self, splits) => splits.map((value) => short(unit, value)),
      },
    ],
    series: [
      {},
      ...order.map((line) => ({
        stroke: () => tone(line),
        fill: stacked ? () => faded(tone(line)) : undefined,
        width: 1.5,
        dash: !stacked && line > 0 ? ([[], [6, 3], [2, 3], [8, 3, 2, 3]][line % 4] as number[]) : undefined,
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(self) => seen(nearest(self))],
      setSelect: [
        (self) => {
          const { left, width } = self.select;
          if (width < 4) return;
          const [from, to] = [self.posToVal(left, "x"), self.posToVal(left + width, "x")];
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (self.cursor.event) setFixed(from, to); // not in those that only follow
        },
      ],
    },
  };
}

function shape(data: ChartData, stacked: boolean | undefined): uPlot.AlignedData {
  if (!stacked) return [data.times, ...data.values] as uPlot.AlignedData;
  const sum = new Array<number>(data.times.length).fill(0);
  const layers = data.values.map((line) => line.map((value, at) => (value === null ? null : (sum[at]! += value))));
  return [data.times, ...layers.reverse()] as uPlot.AlignedData;
}

const TABLE_ROWS = 60;

/** The figures themselves, in at most 60 steps of equal length, newest first. */
function Figures({ data, lines, unit, title }: { data: ChartData; lines: readonly ChartLine[]; unit: Unit; title: string }) {
  const step = Math.max(1, Math.ceil(data.times.length / TABLE_ROWS));
  const starts = Array.from({ length: Math.ceil(data.times.length / step) }, (_, row) => row * step).reverse();
  const mean = (line: Line, start: number) => summarise(line.slice(start, start + step))?.mean;
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`${title}: figures`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map((line) => (
              <th scope="col" class="num">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {starts.map((start) => (
            <tr>
              <th scope="row">{clock(data.times[start]!, span.value > 86_400).slice(0, -4)}</th>
              {data.values.map((line) => (
                <td class="num">{units[unit].text(mean(line, start))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Chart(props: ChartProps) {
  const { title, data, lines, unit, stacked, height = 150 } = props;
  const id = useId();
  const frame = useRef<HTMLElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const visible = useSignal(false);
  const asTable = useSignal(false);
  const under = useSignal<number | null>(null);
  const text = units[unit].text;

  // Only what is seen is read: a computed nobody reads is not computed.
  const shown = useComputed<ChartData | null>(() => (visible.value ? data.value : null));
  const summary = useComputed(() => {
    const drawn = shown.value;
    if (!drawn) return "";
    const all = summarise(stacked ? totals(drawn.values, drawn.times.length) : (drawn.values[0] ?? []));
    if (!all) return "";
    const what = lines.length > 1 ? (stacked ? "in all " : `${lines[0]!.label} `) : "";
    return `${what}${text(all.min)} to ${text(all.max)}, mean ${text(all.mean)}, last ${text(all.last)}`;
  });

  useEffect(() => {
    const watcher = new IntersectionObserver((entries) => (visible.value = entries[entries.length - 1]!.isIntersecting), {
      rootMargin: "100px",
    });
    watcher.observe(frame.current!);
    return () => watcher.disconnect();
  }, []);

  const key = `${unit} ${stacked} ${props.max ?? ""} ${lines.map((line) => `${line.label}${line.color ?? ""}`).join()}`;
  useEffect(() => {
    const box = place.current!;
    let plot: uPlot | null = null;
    let width = box.clientWidth;
    const paint = effect(() => {
      void painted.value;
      const drawn = shown.value;
      if (asTable.value || !drawn || width < 40) {
        plot?.destroy();
        plot = null;
        return;
      }
      if (!plot) plot = new uPlot({ ...options(props, (at) => (under.value = at)), width, height }, undefined, box);
      const chart = plot;
      const { from, to } = paused.value ? range.value : { from: now.peek() - span.value, to: now.peek() };
      chart.batch(() => {
        chart.setData(shape(drawn, stacked), false);
        chart.setScale("x", { min: from, max: to });
      });
      under.value = nearest(chart);
    });
    const watcher = new ResizeObserver(() => {
      if (box.clientWidth === width) return;
      const before = width;
      width = box.clientWidth;
      if (width < 40) return;
      if (plot) plot.setSize({ width, height });
      else if (before < 40) painted.value++;
    });
    watcher.observe(box);
    return () => {
      watcher.disconnect();
      paint();
      plot?.destroy();
    };
  }, [key, height]);

  const state = useComputed(() => {
    const drawn = shown.value;
    if (!drawn || drawn.values.some((line) => line.some((value) => value !== null))) return "";
    return drawn.state === "loading" ? "Loading …" : drawn.state === "failed" ? (drawn.message ?? "failed") : "No figures in this range";
  });

  return (
    <figure class="chart" ref={frame} aria-labelledby={`${id}-t`}>
      <figcaption>
        <h2 id={`${id}-t`}>{title}</h2>
        {props.note ? <span class="chart-note">{props.note}</span> : null}
        <button
          type="button"
          class="icon"
          aria-pressed={asTable.value}
          aria-label={`${title}: ${asTable.value ? "show the chart" : "show the figures as a table"}`}
          title={asTable.value ? "Chart" : "Table"}
          onClick={() => (asTable.value = !asTable.value)}
        >
          <Icon name={asTable.value ? "chart" : "table"} size={16} />
        </button>
      </figcaption>
      <Legend lines={lines} shown={shown} under={under} text={text} stacked={!!stacked} />
      <div
        class="chart-plot"
        ref={place}
        style={{ height: asTable.value ? 0 : height }}
        hidden={asTable.value}
        role="img"
        aria-label={`${title}, chart over time`}
        aria-describedby={`${id}-s`}
      >
        <span class="chart-state">{state}</span>
      </div>
      {asTable.value && shown.value ? <Figures data={shown.value} lines={lines} unit={unit} title={title} /> : null}
      <p class="chart-summary" id={`${id}-s`}>
        {summary}
      </p>
    </figure>
  );
}

interface LegendProps {
  lines: readonly ChartLine[];
  shown: ReadonlySignal<ChartData | null>;
  under: ReadonlySignal<number | null>;
  text: (value: number | null | undefined) => string;
  stacked: boolean;
}

function Legend({ lines, shown, under, text, stacked }: LegendProps) {
  const at = useComputed(() => {
    const data = shown.value;
    if (!data || !data.times.length) return null;
    const cursor = under.value;
    return cursor !== null && cursor < data.times.length ? cursor : null;
  });
  const figures = useMemo(
    () =>
      lines.map((_, line) =>
        computed(() => {
          const data = shown.value;
          if (!data) return NONE;
          if (at.value !== null) return text(data.values[line]?.[at.value]);
          return text(data.values[line] && summarise(data.values[line].slice(-3))?.last);
        }),
      ),
    [lines.length, text],
  );
  const time = useComputed(() => (at.value === null ? "" : clock(shown.value!.times[at.value]!).slice(0, 8)));
  return (
    <ul class="chart-legend">
      {lines.map((line, place) => (
        <li key={line.label}>
          <Swatch tone={line.color ?? place + 1} dash={stacked ? -1 : place} />
          {line.label} <b>{figures[place]}</b>
        </li>
      ))}
      <li class="chart-time" aria-hidden="true">
        {time}
      </li>
    </ul>
  );
}

const DASHES = ["", "4 2", "1.5 2", "5 2 1.5 2"];
const Swatch = ({ tone, dash }: { tone: number; dash: number }) => (
  <svg class={`swatch tone-${tone}`} width="14" height="10" aria-hidden="true">
    {dash < 0 ? <rect width="10" height="10" x="2" rx="2" /> : <path d="M0 5h14" stroke-dasharray={DASHES[dash % 4]} />}
  </svg>
);

/** Cards with a chart each, as many beside each other as there is room for. */
export const Charts = ({ children }: { children: ComponentChildren }) => <div class="charts">{children}</div>;

