// One picture of the host, shared by the whole page: one stream of /v1/modules/metrics/feed with the parts that somebody
// holds, closed while the page is hidden or nobody holds any. Rows stay as they were until they come again or are gone.
// Everything is bounded: rows by the agent, figures over time by rings.
import { batch, computed, effect, signal } from "@preact/signals";
import { ApiError, connection, me, running, stream, type StreamEvent } from "./api";
import { paused } from "./time";

export type Part = "host" | "containers" | "processes" | "network" | "disks";

/** Rates are per second, CPU in CPUs (1 = one whole CPU), sizes in bytes, pressures in percent. What is not known is absent. */
export interface Host {
  hostname?: string;
  kernel?: string;
  os?: string;
  uptime?: number | string; // secondsOf()
  cpus?: number;
  cpu?: number;
  cpu_user?: number;
  cpu_system?: number;
  cpu_iowait?: number;
  cpu_steal?: number;
  cores?: number[]; // share of each, 0..1
  load1?: number;
  load5?: number;
  load15?: number;
  memory_total?: number;
  memory_available?: number;
  memory_cached?: number;
  memory_free?: number;
  swap_total?: number;
  swap_used?: number;
  psi_cpu?: number;
  psi_memory?: number;
  psi_io?: number;
  receive?: number;
  send?: number;
  read?: number;
  write?: number;
  processes?: number;
  threads?: number;
  running?: number;
  blocked?: number;
  context_switches?: number;
  forks?: number;
}

export interface Container {
  name: string; // path of the control group: the key
  kind: "container" | "unit" | "group" | "root";
  engine?: string;
  id?: string;
  alias?: string;
  image?: string;
  unit?: string;
  cpu?: number;
  cpu_user?: number;
  cpu_system?: number;
  throttled?: number; // seconds a second
  memory?: number; // working set
  memory_usage?: number;
  memory_cache?: number;
  memory_rss?: number;
  swap?: number;
  memory_limit?: number;
  cpu_limit?: number;
  processes?: number; // tasks: threads count
  processes_limit?: number;
  receive?: number;
  send?: number;
  read?: number;
  write?: number;
  psi_cpu?: number;
  psi_memory?: number;
  psi_io?: number;
  started?: string;
}

export interface Process {
  pid: number;
  start: string | number; // with pid the key
  ppid?: number;
  user?: string;
  uid?: number;
  state?: string;
  nice?: number;
  priority?: number;
  threads?: number;
  cpu?: number;
  cpu_time?: number | string; // secondsOf()
  memory?: number; // resident
  virtual?: number;
  read?: number;
  write?: number;
  receive?: number;
  send?: number;
  name?: string;
  executable?: string;
  command_line?: string;
  group?: string; // a container's name
  container?: string; // its alias
  kernel?: boolean; // a thread of the kernel
}

export interface Network {
  name: string;
  state?: string;
  receive?: number;
  send?: number;
  receive_packets?: number;
  send_packets?: number;
  receive_errors?: number;
  send_errors?: number;
  receive_drops?: number;
  send_drops?: number;
  speed?: number; // bits a second
  mac?: string;
  mtu?: number;
  addresses?: string[];
}

export interface Disk {
  name: string;
  read?: number;
  write?: number;
  reads?: number;
  writes?: number;
  busy?: number; // share, 0..1
  queue?: number;
  model?: string;
  size?: number;
}

export interface Filesystem {
  mountpoint: string;
  device?: string;
  type?: string;
  size?: number;
  used?: number;
  available?: number;
  inodes?: number;
  inodes_used?: number;
  read_only?: boolean;
}

/** Rows by key. Reading `all` in a component or computed repeats it at the next picture in which one of them changed;
 * the map is one object that lives as long as the page. */
export class Rows<T> {
  readonly map = new Map<string, T>();
  private readonly version = signal(0);
  private seen: Set<string> | null = null;
  private changed = false;
  get all(): ReadonlyMap<string, T> {
    void this.version.value;
    return this.map;
  }
  put(key: string, row: T): void {
    this.map.set(key, row);
    this.seen?.add(key);
    this.changed = true;
  }
  drop(key: string): void {
    if (this.map.delete(key)) this.changed = true;
  }
  /** The next picture is whole: what it does not have is gone. */
  renew(): void {
    this.seen = new Set();
  }
  settle(): void {
    if (this.seen) for (const key of this.map.keys()) if (!this.seen.has(key)) this.drop(key);
    this.seen = null;
    if (this.changed) this.version.value++;
    this.changed = false;
  }
  clear(): void {
    this.changed ||= this.map.size > 0;
    this.map.clear();
    this.seen = null;
    this.settle();
  }
}

export const host = signal<Host | null>(null);
export const containers = new Rows<Container>();
export const processes = new Rows<Process>(); // by processKey()
export const networks = new Rows<Network>();
export const disks = new Rows<Disk>();
export const filesystems = new Rows<Filesystem>();
/** The end of the newest picture, Unix seconds; null before the first. */
export const tick = signal<number | null>(null);
/** Why there is no picture, or no newer one; null while all is well. */
export const feedError = signal<ApiError | null>(null);
/** The parts whose rows are there: of a part that is not, an empty map means nothing yet. */
export const ready = signal<ReadonlySet<Part>>(new Set());

export const processKey = (process: { pid: number; start: string | number }): string => `${process.pid} ${process.start}`;

const UNITS: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, µs: 1e-6, us: 1e-6, ns: 1e-9 };
/** Seconds of a duration: nanoseconds, or text as "1h2m3.5s". */
export function secondsOf(value: number | string | undefined): number | undefined {
  if (typeof value !== "string") return value === undefined ? undefined : value / 1e9;
  let sum = 0;
  for (const [, figure, unit] of value.matchAll(/([\d.]+)(h|ms|µs|us|ns|m|s)/g)) sum += Number(figure) * UNITS[unit!]!;
  return sum;
}
/** Unix seconds of a time: text of RFC 3339, or nanoseconds. */
export const unixOf = (value: number | string | undefined): number | undefined =>
  value === undefined ? undefined : typeof value === "string" ? Date.parse(value) / 1000 : value / 1e9;

// ── figures over time ───────────────────────────────────────────────────────────────────────────────────────────────
const LIVE = 900; // pictures that live lines go back: 30 min of 2 s
const SPARK = 48; // pictures of a sparkline

const times = new Float64Array(LIVE);
let pictures = 0; // ever taken; the newest lies at (pictures - 1) % LIVE

/** The numbers of one record, picture by picture. */
export class Trace {
  private readonly columns = new Map<string, Float64Array>();
  private readonly since: number;
  constructor(private readonly members: readonly string[]) {
    this.since = pictures;
    for (const member of members) this.columns.set(member, new Float64Array(LIVE).fill(NaN));
  }
  take(slot: number, record: object | undefined): void {
    for (const member of this.members) {
      const value = record && (record as Record<string, unknown>)[member];
      this.columns.get(member)![slot] = typeof value === "number" ? value : NaN;
    }
  }
  /** Calls back in order of time, oldest first. Not known is NaN. */
  each(visit: (time: number, at: (member: string) => number) => void): void {
    for (let at = Math.max(this.since, pictures - LIVE); at < pictures; at++) {
      const slot = at % LIVE;
      visit(times[slot]!, (member) => this.columns.get(member)?.[slot] ?? NaN);
    }
  }
}

const HOST_TRACED =
  "cpu_user cpu_system cpu_iowait cpu_steal load1 load5 load15 psi_cpu psi_memory psi_io receive send read write forks execs".split(" ");
const CONTAINER_TRACED =
  "cpu_user cpu_system throttled memory memory_cache memory_rss swap processes receive send read write psi_cpu psi_memory psi_io".split(" ");

export const hostTrace = new Trace(HOST_TRACED);
const containerTraces = new Map<string, { trace: Trace; holders: number }>();

/** Lines of one container from now on, until the function that is returned is called. */
export function traceContainer(name: string): [Trace, () => void] {
  let held = containerTraces.get(name);
  if (!held) containerTraces.set(name, (held = { trace: new Trace(CONTAINER_TRACED), holders: 0 }));
  held.holders++;
  return [held.trace, () => void (--held.holders || containerTraces.delete(name))];
}

const sparks = new Map<string, [cpu: Float32Array, memory: Float32Array]>();
const noSpark = new Float32Array(0);

/** The newest figures of a container, oldest first; NaN: not known. */
export function sparkOf(name: string, what: "cpu" | "memory"): Float32Array {
  const ring = sparks.get(name)?.[what === "cpu" ? 0 : 1];
  if (!ring) return noSpark;
  const out = new Float32Array(SPARK);
  const begin = pictures % SPARK;
  out.set(ring.subarray(begin));
  out.set(ring.subarray(0, begin), SPARK - begin);
  return out;
}

/** Figures of the host that another module knows, taken into each picture while they are set. */
export const besides: { execs?: number } = {};

function record(time: number): void {
  const slot = pictures % LIVE;
  times[slot] = time;
  hostTrace.take(slot, { ...host.value, ...besides });
  for (const [name, { trace }] of containerTraces) trace.take(slot, containers.map.get(name));
  const column = pictures % SPARK;
  for (const row of containers.map.values()) {
    let pair = sparks.get(row.name);
    if (!pair) sparks.set(row.name, (pair = [new Float32Array(SPARK).fill(NaN), new Float32Array(SPARK).fill(NaN)]));
    pair[0][column] = row.cpu ?? NaN;
    pair[1][column] = row.memory ?? NaN;
  }
  if (sparks.size > containers.map.size) for (const name of sparks.keys()) if (!containers.map.has(name)) sparks.delete(name);
  pictures++;
}

/** Something is missing between the last picture and the next: lines break here. */
function mark(time: number): void {
  const slot = pictures % LIVE;
  times[slot] = time;
  hostTrace.take(slot, undefined);
  for (const { trace } of containerTraces.values()) trace.take(slot, undefined);
  sparks.clear(); // they say that they are of the last 90 s
  pictures++;
}

// ── the stream ──────────────────────────────────────────────────────────────────────────────────────────────────────
interface Gone {
  all?: boolean; // the whole picture follows
  containers?: string[];
  processes?: { pid: number; start: string | number }[];
  networks?: string[];
  disks?: string[];
  filesystems?: string[];
}

let nextHost: Host | null = null;
let queue: StreamEvent[] = []; // of the picture that is under way: rows change at its end, all at once

const tables = { container: containers, process: processes, network: networks, disk: disks, filesystem: filesystems };
const partOf: Record<string, readonly Rows<never>[]> = {
  containers: [containers as Rows<never>],
  processes: [processes as Rows<never>],
  network: [networks as Rows<never>],
  disks: [disks as Rows<never>, filesystems as Rows<never>],
};

function apply(event: StreamEvent): void {
  const row = JSON.parse(event.data);
  if (event.event === "host") nextHost = row as Host;
  else if (event.event === "container") containers.put(row.name, row);
  else if (event.event === "process") processes.put(processKey(row), row);
  else if (event.event === "network") networks.put(row.name, row);
  else if (event.event === "disk") disks.put(row.name, row);
  else if (event.event === "filesystem") filesystems.put(row.mountpoint, row);
  else if (event.event === "gone") {
    const gone = row as Gone;
    if (gone.all) for (const rows of Object.values(tables)) rows.renew();
    for (const name of gone.containers ?? []) containers.drop(name);
    for (const key of gone.processes ?? []) processes.drop(processKey(key));
    for (const name of gone.networks ?? []) networks.drop(name);
    for (const name of gone.disks ?? []) disks.drop(name);
    for (const name of gone.filesystems ?? []) filesystems.drop(name);
  }
}

function finish(event: StreamEvent, parts: ReadonlySet<Part>): void {
  const end = JSON.parse(event.data) as { time: string | number; interval?: number | string };
  const time = unixOf(end.time)!;
  batch(() => {
    for (const each of queue) apply(each);
    queue = [];
    if (nextHost) host.value = nextHost;
    for (const rows of Object.values(tables)) rows.settle();
    const last = tick.value;
    if (last !== null && time - last > 3 * Math.max(secondsOf(end.interval) ?? 0, INTERVAL)) mark(last + INTERVAL);
    if (last === null || time > last) record(time);
    tick.value = time;
    ready.value = parts;
    feedError.value = null;
  });
}

const INTERVAL = 2;
const QUEUE_MAX = 200_000; // rows in one picture; more is no picture
const held = new Map<Part, number>();
const wanted = signal("");
/** Whether nobody sees the page. */
export const hidden = signal(document.hidden);
document.addEventListener("visibilitychange", () => (hidden.value = document.hidden));

/** Keeps these parts coming until the function that is returned is called: useEffect(() => holdFeed("host"), []). */
export function holdFeed(...parts: Part[]): () => void {
  for (const part of parts) held.set(part, (held.get(part) ?? 0) + 1);
  plan();
  return () => {
    for (const part of parts) held.set(part, held.get(part)! - 1);
    plan();
  };
}

let planned = false;
/** A page that goes and one that comes change the parts once, not twice. */
function plan(): void {
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    wanted.value = [...held].filter(([, holders]) => holders > 0).map(([part]) => part).sort().join();
  }, 50);
}

// who asks: another after a login, so that a stream that was refused is opened anew
const reader = computed(() => (running.value.has("metrics") && connection.value !== "login" ? (me.value?.identity ?? "") : ""));

effect(() => {
  const list = wanted.value;
  if (!list || hidden.value || !reader.value) return undefined;
  const parts = new Set(list.split(",") as Part[]);
  // paused: what is there stands; what is not there yet comes once
  const [still, known] = [paused.value, ready.peek()];
  if (still && [...parts].every((part) => known.has(part))) return undefined;
  const close = stream(`/v1/modules/metrics/feed?interval=${INTERVAL}s&parts=${list}`, {
    event: (event) => {
      if (event.event === "tick") {
        finish(event, parts);
        if (still) close();
      } else if (queue.length < QUEUE_MAX) queue.push(event);
    },
    state: (error) => {
      queue = [];
      if (error) feedError.value = error;
      else for (const rows of Object.values(tables)) rows.renew();
    },
  });
  return () => {
    close();
    queue = [];
    feedError.value = null;
    // rows of parts that nobody holds any more are let go, so that a day on other pages keeps nothing
    batch(() => {
      const keep = new Set(wanted.peek().split(","));
      for (const [part, all] of Object.entries(partOf)) if (!keep.has(part)) for (const rows of all) rows.clear();
      ready.value = new Set([...ready.peek()].filter((part) => keep.has(part)));
    });
  };
});
