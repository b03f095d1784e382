// A server with the page of web/dist and as much of the API as it needs, of a host as large and as fast as a test wants it.
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";

const DIST = new URL("../../web/dist/", import.meta.url);
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";
const INTERVAL = 2; // seconds between pictures
const files = new Map(readdirSync(DIST).map((name) => [`/${name}`, readFileSync(new URL(name, DIST))]));
files.set("/", files.get("/index.html"));

const block = (event, data, id) => `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
/** Figures that look like some and are the same in each run. */
function random(seed) {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** The host: its picture number `pictures` is the newest. Containers and processes come and go, `churn` of each a picture. */
class Host {
  constructor({ containers = 100, processes = 300, churn = 1, changes = 12, begin = Date.now() / 1000 } = {}) {
    Object.assign(this, { begin, churn, changes, pictures: 0, next: 1, chance: random(1) });
    this.containers = new Map();
    this.processes = new Map();
    for (let many = 0; many < containers; many++) this.addContainer();
    for (let many = 0; many < processes; many++) this.addProcess();
  }
  get time() {
    return this.begin + this.pictures * INTERVAL;
  }
  iso(time = this.time) {
    return new Date(time * 1000).toISOString();
  }
  addContainer() {
    const number = this.next++;
    const id = number.toString(16).padStart(64, "0");
    const row = { name: `/system.slice/docker-${id}.scope`, kind: "container", engine: "docker", id, alias: `web-${number}`, image: `app-${number % 17}:1.${number % 9}`, started: this.iso() };
    this.containers.set(row.name, this.moved(row));
    return row;
  }
  addProcess() {
    const number = this.next++;
    const groups = [...this.containers.keys()];
    const pid = 100 + (number % 4_000_000);
    const row = { pid, start: this.iso(), ppid: 1, user: "root", uid: 0, state: "S", threads: 1 + (number % 9), name: `worker-${number}`, executable: "/usr/bin/worker", command_line: `/usr/bin/worker --number ${number}`, group: groups[number % groups.length] };
    this.processes.set(pid, this.moved(row));
    return row;
  }
  moved(row) {
    row.cpu = Math.round(this.chance() * 1e4) / 1e4;
    row.cpu_user = row.cpu * 0.7;
    row.cpu_system = row.cpu * 0.3;
    row.memory = Math.floor(this.chance() * 2 ** 30);
    row.memory_cache = row.memory >> 2;
    row.read = Math.floor(this.chance() * 1e6);
    row.write = row.read >> 1;
    if (row.kind) Object.assign(row, { receive: row.write, send: row.read, processes: 3, psi_cpu: row.cpu, psi_memory: 0, psi_io: 0 });
    return row;
  }
  some(map) {
    const keys = [...map.keys()];
    return keys[Math.floor(this.chance() * keys.length)];
  }
  /** The next picture: what changed as text, or everything. */
  picture(whole = false) {
    const gone = { containers: [], processes: [] };
    const rows = new Map();
    if (!whole) {
      this.pictures++;
      for (let many = 0; many < this.churn; many++) {
        const name = this.some(this.containers);
        const { pid, start } = this.processes.get(this.some(this.processes)) ?? {};
        if (name && this.containers.delete(name)) gone.containers.push(name);
        if (pid && this.processes.delete(pid)) gone.processes.push({ pid, start });
        if (name) rows.set(this.addContainer(), "container");
        if (pid) rows.set(this.addProcess(), "process");
      }
      for (let many = 0; many < this.changes; many++) {
        const container = this.containers.get(this.some(this.containers));
        const process = this.processes.get(this.some(this.processes));
        if (container) rows.set(this.moved(container), "container");
        if (process) rows.set(this.moved(process), "process");
      }
    } else {
      for (const row of this.containers.values()) rows.set(row, "container");
      for (const row of this.processes.values()) rows.set(row, "process");
    }
    const cpu = this.chance() * 4;
    const host = {
      hostname: "fake", kernel: "6.1", os: `picture ${this.pictures}`, uptime: this.pictures * INTERVAL * 1e9, cpus: 4, cpu, cpu_user: cpu * 0.6, cpu_system: cpu * 0.3,
      cpu_iowait: 0.01, cpu_steal: 0, cores: [0.1, 0.2, 0.3, 0.4], load1: cpu, load5: cpu, load15: cpu, memory_total: 2 ** 34, memory_available: 2 ** 33, memory_cached: 2 ** 32, memory_free: 2 ** 31,
      swap_total: 0, swap_used: 0, psi_cpu: cpu, psi_memory: 0, psi_io: 0, receive: 1e5, send: 2e5, read: 3e5, write: 4e5, processes: this.processes.size, threads: 900, running: 2, blocked: 0,
      context_switches: 5000, forks: 10,
    };
    const parts = gone.containers.length + gone.processes.length ? [block("gone", gone)] : [];
    parts.push(block("host", host));
    for (const [row, kind] of rows) parts.push(block(kind, row));
    parts.push(block("tick", { time: this.iso(), sequence: this.pictures, interval: INTERVAL * 1e9 }));
    return parts.join("");
  }
}

export function eventOf(id, time) {
  const type = id % 3 === 0 ? "exit" : "exec";
  return {
    time: new Date(time * 1000).toISOString(), id, type, source: "bpf",
    process: { exec_id: `e-${id}`, pid: 100 + (id % 30_000), ppid: 1, comm: `tool-${id % 40}`, exe: `/usr/bin/tool-${id % 40}`, argv: [`tool-${id % 40}`, "--number", String(id)], uid: id % 5, ancestors: [{ pid: 1, comm: "init" }] },
    ...(type === "exit" && { exit: { code: id % 2, duration: "12ms" } }),
  };
}

/** Followers of a stream: what is written to each waits until it has taken what was before. */
class Followers {
  constructor() {
    this.all = new Set();
  }
  add(response) {
    this.all.add(response);
    response.on("close", () => this.all.delete(response));
  }
  async write(text) {
    for (const each of this.all)
      if (!each.write(text) && !each.destroyed)
        await new Promise((resolve) => {
          const taken = () => {
            each.off("drain", taken).off("close", taken);
            resolve();
          };
          each.on("drain", taken).on("close", taken);
        });
  }
}

/** options: those of Host, and `kept`: events that watch has kept. close() at the end. */
export async function fakeHost(options = {}) {
  const host = new Host(options);
  const [feed, events, alerts] = [new Followers(), new Followers(), new Followers()];
  const services = ["alerts", "api", "metrics", "watch"].map((name, at) => ({ name, state: "ready", pid: 10 + at, memory: 1e6, cpu_time: 0, fds: 9, restarts: 0, since_seconds: 1 }));
  const modules = [...services.map(({ name }) => name), "kill", "ping"].map((name, at) => ({ name, summary: name, area: "host", role: "viewer", shape: "object", persistent: at < 4, local_only: false }));
  const self = { host, feed, events, alerts, newest: options.kept ?? 0, requests: 0, wholes: 0 };
  const answers = {
    "/v1/whoami": () => ({ identity: "token viewer", role: "viewer", host: "fake", version: "0", privacy: false }),
    "/v1/modules": () => ({ modules }),
    "/v1/status": () => ({ ready: true, version: "0", pid: 1, state_directory: "/", uptime_seconds: host.pictures * INTERVAL, services, runs: { running: 0, queued: 0 }, log: { rows: 0, head: "0" }, schedule: [], alerts_waiting: 0, counters: {}, csp_reports: 0 }),
    "/v1/modules/metrics/query": () => ({ series: [] }),
    "/v1/modules/watch/status": () => ({ watch: { execs: host.pictures * 7 } }),
    "/v1/modules/watch/events": (query) => {
      const last = Number(query.get("after") ?? self.newest + 1);
      const limit = Number(query.get("limit") ?? 1000);
      const found = [];
      for (let id = last - 1; id > 0 && found.length < limit; id--) found.push(eventOf(id, host.time - (self.newest - id) / 1000));
      return { events: found, cursor: 0, more: last - 1 - found.length > 0 };
    },
    "/v1/modules/alerts/alerts": () => ({ alerts: [], more: false }),
    "/v1/modules/alerts/counts": () => ({ step: "60s", open: { low: 0, medium: 0, high: 0, critical: 0 }, total: { low: 0, medium: 0, high: 0, critical: 0 }, histogram: [] }),
    "/v1/runs": () => ({ runs: [] }),
  };
  const streams = { "/v1/modules/metrics/feed": feed, "/v1/modules/watch/stream": events, "/v1/modules/alerts/stream": alerts };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://fake");
    self.requests++;
    const file = files.get(pathname);
    if (file) {
      response.writeHead(200, { "Content-Type": TYPES[extname(pathname)] ?? TYPES[".html"], "Content-Security-Policy": POLICY }).end(file);
    } else if (streams[pathname]) {
      response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
      response.write(": here\n\n");
      if (pathname.endsWith("/feed")) {
        self.wholes++;
        response.write(host.picture(true));
      }
      streams[pathname].add(response);
    } else if (answers[pathname]) {
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answers[pathname](searchParams)));
    } else {
      response.writeHead(404, { "Content-Type": "application/json" }).end(JSON.stringify({ error: { code: "not-found", message: `no ${pathname} here` } }));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  /** `many` pictures, as fast as the followers take them. */
  self.play = async (many, at_once = 1) => {
    for (let sent = 0; sent < many; ) {
      let text = "";
      for (let i = 0; i < at_once && sent < many; i++, sent++) text += host.picture();
      await feed.write(text);
      await new Promise(setImmediate);
    }
  };
  /** `many` events, in pieces of `at_once`. */
  self.happen = async (many, at_once = 200) => {
    for (let sent = 0; sent < many; ) {
      let text = "";
      for (let i = 0; i < at_once && sent < many; i++, sent++) text += block("event", eventOf(++self.newest, host.time), self.newest);
      await events.write(text);
      await new Promise(setImmediate);
    }
  };
  self.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return self;
}
