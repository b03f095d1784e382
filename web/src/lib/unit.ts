// How figures of a kind are written, on an axis and in full, and where an axis has its marks.
import { bytes, count, cpu, duration, NONE, percent, rate } from "./format";

export type Unit = "percent" | "cpu" | "bytes" | "rate" | "count" | "load" | "duration";

const decimal: number[] = [];
for (let power = -3; power < 15; power++) for (const step of [1, 2, 2.5, 5]) decimal.push(Number(`${step}e${power}`));
const whole = decimal.filter((step) => step >= 1 && Number.isInteger(step));
const binary = Array.from({ length: 60 }, (_, power) => 2 ** power);
const hundredths = decimal.map((step) => step / 100);

/** `least`: the top of an axis is never below it, so that noise stays small. */
export const units: Record<Unit, { text: (value: number | null | undefined) => string; marks: number[]; least: number }> = {
  percent: { text: percent, marks: decimal, least: 2 },
  cpu: { text: cpu, marks: hundredths, least: 0.02 },
  bytes: { text: bytes, marks: binary, least: 1024 },
  rate: { text: rate, marks: binary, least: 1024 },
  count: { text: count, marks: whole, least: 2 },
  load: { text: (value) => (value === null || value === undefined ? NONE : value.toFixed(2)), marks: decimal, least: 1 },
  duration: { text: duration, marks: decimal, least: 0.001 },
};

/** Short, for an axis: no digits that are zero. */
export const short = (unit: Unit, value: number): string =>
  value === 0 ? "0" : units[unit].text(value).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
