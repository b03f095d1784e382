// Figures over time for charts: what metrics kept on disk for the page's time range, and the feed's pictures behind it.
import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, connection, request, running } from "./api";
import { hidden, tick, type Trace } from "./feed";
import { now, paused, range, setNow, span } from "./time";

export interface ChartData {
  times: number[]; // Unix seconds, ascending
  values: (number | null)[][]; // one list a line, as long as times; null breaks the line
  state: "loading" | "ready" | "failed";
  message?: string; // why it failed
}

/** One line. Its query must have one series as its answer: the first is taken. All lines of a chart have one trace. */
export interface Source {
  query?: string; // of the history; none: only what the page saw itself
  scale?: number; // what the history's values are multiplied with
  trace?: Trace;
  member?: string; // of the trace
  live?: number; // what the trace's values are multiplied with
}

interface Answer {
  start: string;
  end: string;
  step: string;
  series: { labels: Record<string, string>; values: (number | null)[] }[];
}

const STEPS = [10, 20, 30, 60, 120, 300, 600, 1800, 3600, 10_800, 21_600, 86_400];
/** A step that gives some 300 points. */
export const stepOf = (length: number): number => STEPS.find((step) => length / step <= 400) ?? 86_400;

/** At most three requests at once: connections are shared with streams, of which a browser has six in all. */
let busy = 0;
const waiting: (() => void)[] = [];
async function ask(query: string, from: number, to: number, step: number, abort: AbortSignal): Promise<Answer> {
  if (busy >= 3) await new Promise<void>((go) => waiting.push(go));
  busy++;
  try {
    abort.throwIfAborted();
    const words = new URLSearchParams({ query, start: String(Math.floor(from)), end: String(Math.ceil(to)), step: `${step}s` });
    return await request<Answer>(`/v1/modules/metrics/query?${words}`, { signal: abort });
  } finally {
    busy--;
    waiting.shift()?.();
  }
}

/** What a metric of the host's group was at a time; undefined: not known. */
export async function pastOf(metric: string, at: number, abort: AbortSignal): Promise<number | undefined> {
  const { series } = await ask(`${metric}{cgroup="/"}`, at - 60, at, 10, abort);
  return series[0]?.values.filter((value) => value !== null).pop();
}

interface Past {
  times: number[];
  values: (number | null)[][];
  step: number;
}

async function load(sources: readonly Source[], from: number, to: number, abort: AbortSignal): Promise<Past> {
  const step = stepOf(to - from);
  const answers = await Promise.all(sources.map((source) => (source.query ? ask(source.query, from, to, step, abort) : undefined)));
  const first = answers.find((answer) => answer && answer.series.length > 0);
  if (!first) return { times: [], values: sources.map(() => []), step };
  const begin = Date.parse(first.start) / 1000;
  const length = first.series[0]!.values.length;
  const times = Array.from({ length }, (_, index) => begin + index * step);
  const values = sources.map((source, line) => {
    const got = answers[line]?.series[0]?.values;
    return times.map((_, index) => {
      const value = got?.[index];
      return value === null || value === undefined ? null : value * (source.scale ?? 1);
    });
  });
  // the newest step has nothing yet, the time before the first sample nothing at all
  let last = length;
  while (last > 0 && values.every((line) => line[last - 1] === null)) last--;
  let head = 0;
  while (head < last && values.every((line) => line[head] === null)) head++;
  return { times: times.slice(head, last), values: values.map((line) => line.slice(head, last)), step };
}

interface Point {
  time: number;
  values: (number | null)[];
}
const isEmpty = (point: Point) => point.values.every((value) => value === null);

const GAP = 12; // s without a picture: the page was hidden, or showed something else

/** What the page saw itself with the past before it and in its gaps; where the past's steps are long it goes first, and what
 * the page saw behind it is folded to such steps. */
function join(past: Past | null, sources: readonly Source[], from: number, to: number): Omit<ChartData, "state"> {
  const trace = sources[0]!.trace;
  const step = past?.step ?? 0;
  const old = (past?.times ?? [])
    .map((time, index): Point => ({ time, values: past!.values.map((line) => line[index]!) }))
    .filter(({ time }) => time >= from - step && time <= to);
  let seen: Point[] = [];
  trace?.each((time, at) => {
    if (time < from - 10 || time > to + 10) return;
    const values = sources.map(({ member, live = 1 }) => {
      const value = member ? at(member) : NaN;
      return Number.isNaN(value) ? null : value * live;
    });
    // the first picture has no rates yet: the past goes on until there is something
    if (seen.length || values.some((value) => value !== null)) seen.push({ time, values });
  });
  const points: Point[] = [];
  if (step > 30) {
    const last = old[old.length - 1]?.time ?? 0;
    points.push(...old);
    for (let at = seen.findIndex((point) => point.time > last); at >= 0 && at < seen.length; ) {
      const bucket = Math.floor(seen[at]!.time / step);
      const begin = at;
      while (at < seen.length && Math.floor(seen[at]!.time / step) === bucket) at++;
      const part = seen.slice(begin, at);
      const mean = (line: number) => {
        const known = part.map((point) => point.values[line]!).filter((value) => value !== null);
        return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
      };
      points.push({ time: part[part.length - 1]!.time, values: sources.map((_, line) => mean(line)) });
    }
  } else {
    let next = 0;
    let before = -Infinity;
    for (const point of seen) {
      const gap = point.time - before > GAP;
      for (; next < old.length && old[next]!.time < point.time; next++) {
        if (!gap || old[next]!.time <= before) continue;
        if (points.length && isEmpty(points[points.length - 1]!)) points.pop();
        points.push(old[next]!);
      }
      points.push(point);
      if (!isEmpty(point)) before = point.time;
    }
    if (!seen.length) points.push(...old);
  }
  return { times: points.map((point) => point.time), values: sources.map((_, line) => points.map((point) => point.values[line]!)) };
}

const AGAIN = 600; // s: live lines go back further than this, so that the past may be that old

/** Data of a chart for the page's time range: the history is asked when the range changes, live figures come with each
 * picture. `key` says when the sources are others. */
export function useSeries(sources: readonly Source[], key = ""): ReadonlySignal<ChartData> {
  const held = useMemo(() => {
    const past = signal<Past | null>(null);
    const error = signal<ApiError | null>(null);
    const data = computed<ChartData>(() => {
      void tick.value;
      // while live the range moves with now, each second; the picture's time is often enough
      const { from, to } = paused.value ? range.value : { from: now.peek() - span.value, to: Math.max(now.peek(), tick.value ?? 0) };
      const joined = join(past.value, sources, from, to);
      if (joined.times.length) return { ...joined, state: "ready" };
      if (error.value) return { ...joined, state: "failed", message: error.value.message };
      return { ...joined, state: past.value ? "ready" : "loading" };
    });
    return { past, error, data };
  }, [key]);
  useEffect(() => {
    if (!sources.some((source) => source.query)) {
      held.past.value = { times: [], values: sources.map(() => []), step: 10 };
      return undefined;
    }
    let abort = new AbortController();
    const get = (from: number, to: number) => {
      abort.abort();
      abort = new AbortController();
      const mine = abort.signal;
      load(sources, from, to, mine).then(
        (past) => {
          if (mine.aborted) return;
          held.past.value = past;
          held.error.value = null;
        },
        (error: unknown) => {
          if (!mine.aborted && error instanceof ApiError) held.error.value = error;
        },
      );
    };
    let timer: ReturnType<typeof setInterval> | undefined;
    const end = effect(() => {
      clearInterval(timer);
      if (hidden.value || connection.value === "down" || !running.value.has("metrics")) return; // it is asked when it is there again
      if (paused.value) {
        get(range.value.from, range.value.to);
      } else {
        const length = span.value;
        const step = () => {
          setNow(); // it stood while the page was hidden or paused
          get(now.peek() - length, now.peek());
        };
        step();
        timer = setInterval(step, Math.min(AGAIN, Math.max(60, stepOf(length))) * 1000);
      }
    });
    return () => {
      clearInterval(timer);
      abort.abort();
      end();
    };
  }, [key]);
  return held.data;
}
