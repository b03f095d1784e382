// How many of what over time: bars that stand on each other. A part of the time is chosen by dragging, or with the arrow
// keys (Shift widens, Enter chooses). Its figures stand in a table too.
import { useId, useRef, useState } from "preact/hooks";
import { clock, count } from "../lib/format";
import "./chart.css"; // its looks
import "./histogram.css";
import { Icon } from "./icon";

export interface Bars {
  from: number; // Unix seconds of the first bar
  step: number; // seconds a bar
  series: readonly { label: string; tone: string; counts: ArrayLike<number> }[]; // tone: a class that sets --tone
  known?: number; // what was before is not loaded
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
const MOST = 90;

/** Bars that a time has: their edges are the same ones as time goes on. */
export function barsOf(from: number, to: number): { from: number; step: number; length: number } {
  const step = STEPS.find((each) => (to - from) / each <= MOST) ?? Math.ceil((to - from) / MOST / 86_400) * 86_400;
  const first = Math.floor(from / step) * step;
  return { from: first, step, length: Math.max(1, Math.ceil((to - first) / step)) };
}

const TOP = 100;

interface Props {
  title: string;
  bars: Bars;
  onBrush: (from: number, to: number) => void;
}

export function Histogram({ title, bars, onBrush }: Props) {
  const { from, step, series } = bars;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [asTable, setTable] = useState(false);
  const [cursor, setCursor] = useState<number | null>(null); // bar
  const [anchor, setAnchor] = useState<number | null>(null); // where the choice began
  const length = series[0]?.counts.length ?? 0;
  let top = 0;
  let busiest = 0;
  const sums = new Float64Array(length);
  for (let at = 0; at < length; at++) {
    for (const { counts } of series) sums[at]! += counts[at]!;
    if (sums[at]! > top) [top, busiest] = [sums[at]!, at];
  }
  const base = new Float64Array(length);
  const paths = series.map(({ counts }) => {
    let path = "";
    for (let at = 0; at < length; at++) {
      const value = counts[at]!;
      if (!value) continue;
      const height = Math.max((value / top) * TOP, 1.5); // one among thousands is still seen
      base[at]! += height;
      path += `M${at + 0.08} ${(TOP - base[at]!).toFixed(1)}h.84v${height.toFixed(1)}h-.84z`;
    }
    return path;
  });
  const days = length * step > 40_000; // the date is needed
  const time = (at: number) => (days ? clock(from + at * step, true).slice(5, 16) : clock(from + at * step).slice(0, 8));
  const totals = series.map(({ counts }) => Array.prototype.reduce.call(counts, (sum, each) => Number(sum) + Number(each), 0) as number);
  const all = totals.reduce((sum, each) => sum + each, 0);
  const low = cursor === null ? 0 : Math.min(cursor, anchor ?? cursor);
  const high = cursor === null ? 0 : Math.max(cursor, anchor ?? cursor) + 1;
  const spoken =
    cursor === null
      ? ""
      : `${time(low)} to ${time(high)}: ${
          series
            .map(({ label, counts }) => {
              let sum = 0;
              for (let at = low; at < high; at++) sum += counts[at] ?? 0;
              return sum ? `${count(sum)} ${label}` : "";
            })
            .filter(Boolean)
            .join(", ") || "none"
        }`;
  const summary = all ? `${count(all)} from ${time(0)} to ${time(length)}, at most ${count(top)} in ${lengthOf(step)} at ${time(busiest)}` : `None from ${time(0)} to ${time(length)}`;
  const barAt = (event: PointerEvent) => {
    const place = box.current!.getBoundingClientRect();
    return Math.max(0, Math.min(length - 1, Math.floor(((event.clientX - place.left) / place.width) * length)));
  };
  const choose = () => {
    if (cursor !== null) onBrush(from + low * step, from + high * step);
    setAnchor(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowLeft: (cursor ?? length) - 1, ArrowRight: (cursor ?? -1) + 1, Home: 0, End: length - 1 }[event.key];
    if (to !== undefined) {
      setAnchor(event.shiftKey ? (anchor ?? cursor) : null);
      setCursor(Math.max(0, Math.min(length - 1, to)));
    } else if (event.key === "Enter" && cursor !== null) choose();
    else if (event.key === "Escape" && cursor !== null) {
      setCursor(null);
      setAnchor(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const unknown = bars.known === undefined ? 0 : Math.max(0, Math.min(length, (bars.known - from) / step));
  return (
    <figure class="chart histogram" aria-labelledby={`${id}-t`}>
      <figcaption>
        <h2 id={`${id}-t`}>{title}</h2>
        <ul class="chart-legend">
          {series.map(({ label, tone }, at) =>
            totals[at] ? (
              <li key={label} class={tone}>
                <span class="block" aria-hidden="true" /> {label} <b>{count(totals[at])}</b>
              </li>
            ) : null,
          )}
        </ul>
        <button
          type="button"
          class="icon"
          aria-pressed={asTable}
          aria-label={`${title}: ${asTable ? "show the bars" : "show the figures as a table"}`}
          title={asTable ? "Bars" : "Table"}
          onClick={() => setTable(!asTable)}
        >
          <Icon name={asTable ? "chart" : "table"} size={16} />
        </button>
      </figcaption>
      {asTable ? (
        <div class="chart-table" tabIndex={0} role="region" aria-label={`${title}: figures`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col" class="num">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {Array.from(sums, (sum, at) =>
                sum ? (
                  <tr key={at}>
                    <th scope="row">{time(at)}</th>
                    {series.map(({ label, counts }) => (
                      <td key={label} class="num">
                        {counts[at] || ""}
                      </td>
                    ))}
                  </tr>
                ) : null,
              )}
            </tbody>
          </table>
        </div>
      ) : (
        <div
          ref={box}
          class="histogram-plot"
          role="group"
          tabIndex={0}
          aria-label={`${title}: bars over time; arrow keys go from bar to bar, Shift widens, Enter chooses the time`}
          aria-describedby={`${id}-s`}
          onKeyDown={onKeyDown}
          onBlur={() => setCursor(null)}
          onPointerDown={(event) => {
            if (event.button) return;
            box.current!.setPointerCapture(event.pointerId);
            setAnchor(barAt(event));
            setCursor(barAt(event));
          }}
          onPointerMove={(event) => {
            const at = barAt(event);
            if (at !== cursor) setCursor(at);
          }}
          onPointerUp={() => {
            if (anchor !== null) choose();
          }}
          onPointerCancel={() => setAnchor(null)}
          onPointerLeave={() => {
            if (anchor === null) setCursor(null);
          }}
        >
          <svg viewBox={`0 0 ${length} ${TOP}`} preserveAspectRatio="none" aria-hidden="true">
            {unknown ? <rect class="unknown" x={0} y={0} width={unknown} height={TOP} /> : null}
            {cursor === null ? null : <rect class={anchor === null ? "under" : "under chosen"} x={low} y={0} width={high - low} height={TOP} />}
            {paths.map((path, at) => (
              <path key={series[at]!.label} class={series[at]!.tone} d={path} />
            ))}
          </svg>
          {unknown > length * 0.12 ? (
            <span class="histogram-note" style={{ width: `${(unknown / length) * 100}%` }}>
              not loaded
            </span>
          ) : null}
        </div>
      )}
      <p class="chart-summary histogram-foot" id={`${id}-s`}>
        <span aria-hidden="true">{time(0)}</span>
        <span class="cut">{spoken || summary}</span>
        <span aria-hidden="true">{time(length)}</span>
      </p>
      <span class="hidden" role="status">
        {document.activeElement === box.current ? spoken : ""}
      </span>
    </figure>
  );
}

/** A length of seconds: "1.5 h". */
export const lengthOf = (step: number): string =>
  step < 60 ? `${step} s` : step < 3600 ? `${step / 60} min` : step < 86_400 ? `${step / 3600} h` : `${step / 86_400} d`;
