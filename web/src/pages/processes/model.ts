// What the page says of processes beyond what the feed tells.
import { processes, processKey, unixOf, type Process } from "../../lib/feed";

/** The systemd unit of a control group's path: the last part that is one. */
export function unitOf(group: string | undefined): string | undefined {
  const parts = (group ?? "").split("/").filter((part) => /\.(service|scope|socket|mount|swap|slice)$/.test(part));
  return parts.filter((part) => !part.endsWith(".slice")).pop() ?? parts.pop();
}

/** A container's name; its id as engines shorten it where it has none. */
const short = (name: string | undefined): string | undefined => (name && /^[0-9a-f]{64}$/.test(name) ? name.slice(0, 12) : name);
export const whereOf = (process: Process): string | undefined => short(process.container) ?? unitOf(process.group);

/** As far as two modules can agree on it: the one counts ticks of the boot clock, the other nanoseconds. */
export function sameStart(a: string | number | undefined, b: string | number | undefined): boolean {
  const [first, second] = [unixOf(a), unixOf(b)];
  return first === undefined || second === undefined || Math.abs(first - second) <= 1;
}

const STATES: Record<string, string> = {
  R: "running",
  S: "sleeping",
  D: "waiting for a device",
  I: "idle",
  T: "stopped",
  t: "traced",
  Z: "ended, not yet waited for",
  X: "dead",
};
export const stateText = (state: string | undefined): string => (state ? (STATES[state] ?? state) : "");

const BACK = 90; // pictures: three minutes
const MOST = 8192;
const rings = new Map<string, [cpu: Float32Array, memory: Float32Array]>();
let taken = 0;

/** After each picture. */
export function takeFigures(): void {
  const slot = taken++ % BACK;
  for (const [key, row] of processes.map) {
    let pair = rings.get(key);
    if (!pair) {
      if (rings.size >= MOST) continue;
      rings.set(key, (pair = [new Float32Array(BACK).fill(NaN), new Float32Array(BACK).fill(NaN)]));
    }
    pair[0][slot] = row.cpu ?? NaN;
    pair[1][slot] = row.memory ?? NaN;
  }
  for (const key of rings.keys()) if (!processes.map.has(key)) rings.delete(key);
}

export function dropFigures(): void {
  rings.clear();
  taken = 0;
}

/** Oldest first, without what was before the first one known. */
export function figuresOf(process: Process, what: "cpu" | "memory"): readonly number[] {
  const ring = rings.get(processKey(process))?.[what === "cpu" ? 0 : 1];
  if (!ring) return [];
  const out: number[] = [];
  for (let at = Math.max(0, taken - BACK); at < taken; at++) {
    const value = ring[at % BACK]!;
    if (out.length || !Number.isNaN(value)) out.push(value);
  }
  return out;
}
