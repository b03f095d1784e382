// Figures and times as people read them. Pure.

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const DECIMAL = ["", "k", "M", "G", "T", "P"];

function scaled(value: number, base: number, units: string[], gap: string): string {
  let step = 0;
  let shown = Math.abs(value);
  while (shown >= base * 0.9995 && step < units.length - 1) {
    shown /= base;
    step++;
  }
  const digits = step === 0 ? (Number.isInteger(shown) || shown >= 100 ? 0 : 1) : shown < 9.995 ? 2 : shown < 99.95 ? 1 : 0;
  return `${value < 0 ? "−" : ""}${shown.toFixed(digits)}${gap}${units[step]}`.trim();
}

export const NONE = "–";
type Maybe = number | null | undefined;
const known = (value: Maybe): value is number => value !== null && value !== undefined && Number.isFinite(value);

/** 1.50 GiB */
export const bytes = (value: Maybe): string => (known(value) ? scaled(value, 1024, BINARY, " ") : NONE);
/** 340 KiB/s */
export const rate = (value: Maybe): string => (known(value) ? `${scaled(value, 1024, BINARY, " ")}/s` : NONE);
/** 12.3k */
export const count = (value: Maybe): string => (known(value) ? scaled(value, 1000, DECIMAL, "") : NONE);
/** 0.253 CPUs → "25.3 %": 100 % is one whole CPU. */
export const cpu = (value: Maybe): string => percent(known(value) ? value * 100 : value);
/** A figure of 0 to 100. */
export const percent = (value: Maybe): string =>
  known(value) ? `${value >= 99.95 || value === 0 ? value.toFixed(0) : value.toFixed(1)} %` : NONE;

/** Seconds as "3d 4h", "4m 12s", "12 s", "1.2 s", "12 ms". */
export function duration(value: Maybe): string {
  if (!known(value)) return NONE;
  if (value && value < 0.0005) return `${Math.round(value * 1e6)} µs`;
  if (value && value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 59.95) return `${value.toFixed(value < 9.95 && !Number.isInteger(value) ? 1 : 0)} s`;
  const whole = Math.round(value);
  const [d, h, m, s] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  if (d) return `${d}d ${h}h`;
  return h ? `${h}h ${m}m` : `${m}m ${s}s`;
}
/** How long ago, of an ISO time or Unix seconds, against `now` (Unix seconds). */
export function age(time: string | number | null | undefined, now: number): string {
  const then = typeof time === "string" ? Date.parse(time) / 1000 : time;
  return known(then) ? duration(Math.max(0, Math.round(now - then))) : NONE;
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");
/** 14:03:22.123, local time; `day` puts the date in front. */
export function clock(time: string | number, day = false): string {
  const at = new Date(typeof time === "string" ? time : time * 1000);
  const text = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
  return day ? `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${text}` : text;
}

/** Text that came from the host: controls and bidirectional overrides shown, never obeyed. */
export const plain = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
