// One time range for the whole page. Live: the newest `span` up to now, moving. Paused: the same, standing still.
// Fixed: from and to. In the address: range=15m, paused=TIME, or from=TIME&to=TIME (ISO 8601).
import { computed, signal } from "@preact/signals";
import { skew } from "./api"; // which takes a token out of the address before route looks at it
import { route, setQuery } from "./route";

export const RANGES = ["1m", "5m", "15m", "1h", "6h", "24h", "7d"] as const;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of "15m", "2h"; undefined when it is none. */
export function seconds(text: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(text);
  return match ? Number(match[1]) * UNITS[match[2]!]! : undefined;
}

/** Unix seconds by the host's clock, moved once a second while the page is seen (main.tsx). */
export const now = signal(Date.now() / 1000);
export const setNow = (): void => void (now.value = Date.now() / 1000 + skew);

export interface Range {
  from: number; // Unix seconds
  to: number;
  live: boolean; // moves with now
}

const parsed = computed(() => {
  const query = route.value.query;
  const time = (name: string) => {
    const value = Date.parse(query.get(name) ?? "");
    return Number.isNaN(value) ? undefined : value / 1000;
  };
  const [from, to] = [time("from"), time("to")];
  const fixed = from !== undefined && to !== undefined && from < to; // they may be typed by hand
  const span = Math.min(seconds(query.get("range") ?? "") || 300, 3e7);
  return { span, paused: time("paused"), from: fixed ? from : undefined, to: fixed ? to : undefined };
});

export const paused = computed(() => parsed.value.paused !== undefined || parsed.value.from !== undefined);
export const span = computed(() => parsed.value.span);

/** Reading it follows `now` while live: read paused and span alone where that is enough. */
export const range = computed<Range>(() => {
  const { span: length, paused: at, from, to } = parsed.value;
  if (from !== undefined && to !== undefined) return { from, to, live: false };
  const end = at ?? now.value;
  return { from: end - length, to: end, live: at === undefined };
});

const iso = (time: number) => new Date(time * 1000).toISOString();

export function pause(on: boolean): void {
  if (on === paused.value) return;
  setNow();
  setQuery(on ? { paused: iso(now.value) } : { paused: undefined, from: undefined, to: undefined });
}
export function setSpan(text: string): void {
  setQuery({ range: text, from: undefined, to: undefined, paused: undefined }, true);
}
/** A part of a chart was chosen. */
export function setFixed(from: number, to: number): void {
  setQuery({ from: iso(from), to: iso(to), paused: undefined }, true);
}
