// The host in figures: one tile each, and how full its file systems are.
import { disks, filesystems, host, secondsOf, tick, type Host } from "../../lib/feed";
import { bytes, clock, count, duration, NONE, percent, plain, rate } from "../../lib/format";
import { pastOf } from "../../lib/history";
import { useLoad } from "../../lib/load";
import { paused, range } from "../../lib/time";
import { Card } from "../../ui/card";
import { Failed } from "../../ui/empty";
import { Fillings, Gauge } from "../../ui/gauge";
import type { ComponentChildren } from "preact";

export function Facts() {
  const now = host.value;
  if (!now) return null;
  const up = secondsOf(now.uptime);
  const facts = [
    now.os && plain(now.os),
    now.kernel && `Linux ${plain(now.kernel)}`,
    now.cpus && `${now.cpus} CPU${now.cpus === 1 ? "" : "s"}`,
    now.memory_total && bytes(now.memory_total),
    up !== undefined && `up ${duration(up)}`,
  ];
  return <span class="muted">{facts.filter(Boolean).join(" · ")}</span>;
}

/** A thin bar a CPU: how busy each is. */
function Cores({ shares }: { shares: readonly number[] }) {
  const shown = shares.slice(0, 256);
  return (
    <svg
      class="cores"
      viewBox={`0 0 ${shown.length * 4} 20`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Busy share of each CPU: ${shown.slice(0, 16).map((share) => percent(share * 100)).join(", ")}${shown.length > 16 ? " …" : ""}`}
    >
      {shown.map((share, core) => (
        <>
          <rect class="cores-track" x={core * 4} y="0" width="3" height="20" />
          <rect class={share > 0.9 ? "cores-full" : "cores-busy"} x={core * 4} y={20 - share * 20} width="3" height={share * 20} />
        </>
      ))}
    </svg>
  );
}

const Tile = ({ title, figure, children }: { title: string; figure: ComponentChildren; children?: ComponentChildren }) => (
  <div class="card tile">
    <dt>{title}</dt>
    <dd>
      <b>{figure}</b>
      {children}
    </dd>
  </div>
);

/** Of what the history keeps of the host: its metric, and what that is multiplied with. */
const KEPT: readonly (readonly [keyof Host, string, number?])[] = [
  ["cpu", "cpu"],
  ["memory_available", "memory_used"],
  ["swap_used", "swap"],
  ["load1", "load"],
  ["load5", "load5"],
  ["load15", "load15"],
  ["psi_cpu", "pressure_cpu", 100],
  ["psi_memory", "pressure_memory", 100],
  ["psi_io", "pressure_io", 100],
  ["receive", "net_rx"],
  ["send", "net_tx"],
  ["read", "io_read"],
  ["write", "io_write"],
  ["threads", "threads"],
];

async function hostAt(at: number, abort: AbortSignal): Promise<Host> {
  const { cpus, memory_total, swap_total } = host.peek()!;
  const then: Host = { cpus, memory_total, swap_total };
  await Promise.all(
    KEPT.map(async ([member, metric, scale = 1]) => {
      const value = await pastOf(metric, at, abort);
      if (value !== undefined) Object.assign(then, { [member]: value * scale });
    }),
  );
  if (then.memory_available !== undefined) then.memory_available = memory_total! - then.memory_available;
  return then;
}

const SEEN = 5; // s between the end of a time that stands still and a picture of it

/** The host now, or as it was when the time stands still and no picture is of it. */
export function Vitals() {
  const { to } = paused.value ? range.value : { to: 0 };
  const at = to && Math.abs(tick.value! - to) > SEEN ? to : 0;
  const past = useLoad((abort) => (at ? hostAt(at, abort) : Promise.resolve(undefined)), [at]);
  if (!at) return <Figures of={host.value!} />;
  const then = past.value;
  return (
    <>
      <p role="status" class="muted">
        {then && KEPT.every(([member]) => then[member] === undefined) ? "Nothing is kept of " : "Figures of "}
        <b>{clock(at, true).slice(0, 19)}</b>. Of single CPUs, processes, file systems and what runs where no past is kept: lists show what is now.
      </p>
      {past.error ? <Failed what="The figures" error={past.error} retry={past.again} /> : <Figures of={then ?? {}} past />}
    </>
  );
}

function Figures({ of: now, past }: { of: Host; past?: boolean }) {
  const used = now.memory_total !== undefined && now.memory_available !== undefined ? now.memory_total - now.memory_available : undefined;
  const cpu = now.cpu !== undefined && now.cpus ? now.cpu / now.cpus : undefined;
  const pressures = [
    ["CPU", now.psi_cpu],
    ["memory", now.psi_memory],
    ["I/O", now.psi_io],
  ] as const;
  const worst = pressures.reduce((a, b) => ((b[1] ?? -1) > (a[1] ?? -1) ? b : a));
  const busiest = [...disks.all.values()].reduce<{ name: string; busy: number } | undefined>(
    (most, disk) => (disk.busy !== undefined && disk.busy > (most?.busy ?? -1) ? { name: disk.name, busy: disk.busy } : most),
    undefined,
  );
  return (
    <dl class="tiles">
      <Tile title="CPU" figure={cpu === undefined && !past ? "…" : percent(cpu && cpu * 100)}>
        {now.cores?.length ? <Cores shares={now.cores} /> : <Gauge label="CPU" share={cpu} />}
      </Tile>
      <Tile title="Memory" figure={bytes(used)}>
        <Gauge label="Memory in use" share={used !== undefined && now.memory_total ? used / now.memory_total : undefined} warn={0.85} />
        <span class="tile-note">
          of {bytes(now.memory_total)}
          {now.swap_total ? `, swap ${bytes(now.swap_used)}` : ""}
        </span>
      </Tile>
      <Tile title="Load" figure={now.load1?.toFixed(2) ?? NONE}>
        <span class="tile-note">
          {now.load5?.toFixed(2) ?? NONE} in 5 min, {now.load15?.toFixed(2) ?? NONE} in 15
        </span>
      </Tile>
      {worst[1] === undefined ? null : (
        <Tile title="Pressure" figure={percent(worst[1])}>
          <span class="tile-note">{worst[1] < 0.05 ? "nothing waits" : `of the time something waits for ${worst[0]}`}</span>
        </Tile>
      )}
      {now.receive === undefined ? null : (
        <Tile title="Network" figure={rate((now.receive ?? 0) + (now.send ?? 0))}>
          <span class="tile-note">
            <span>↓ {rate(now.receive)}</span> <span>↑ {rate(now.send)}</span>
          </span>
        </Tile>
      )}
      {now.read === undefined ? null : (
        <Tile title="Disks" figure={rate((now.read ?? 0) + (now.write ?? 0))}>
          <span class="tile-note">{busiest && !past ? `${plain(busiest.name)} busy ${percent(busiest.busy * 100)}` : `write ${rate(now.write)}`}</span>
        </Tile>
      )}
      <Tile title="Processes" figure={count(now.processes)}>
        <span class="tile-note">
          {past ? "no past is kept" : `${now.running ?? 0} running`}
          {now.blocked ? `, ${now.blocked} blocked` : ""}
          {now.threads ? `, ${count(now.threads)} threads` : ""}
        </span>
      </Tile>
    </dl>
  );
}

const SHOWN = 8;

export function Disks() {
  const rows = [...filesystems.all.values()].filter((each) => each.size && !each.read_only);
  if (!rows.length) return null;
  rows.sort((a, b) => b.used! / b.size! - a.used! / a.size!);
  // one device mounted at many places is one file system
  const seen = new Set<string>();
  const own = rows.filter((each) => !each.device?.startsWith("/") || (!seen.has(each.device) && seen.add(each.device)));
  return (
    <Card title="File systems">
      <Fillings
        of={own
          .slice(0, SHOWN)
          .map((each) => [
            plain(each.mountpoint),
            each.used! / each.size!,
            `${bytes(each.available)} free of ${bytes(each.size)}`,
            plain(`${each.type ?? ""} ${each.device ?? ""}`),
          ])}
      />
      {own.length > SHOWN ? <p class="muted">and {own.length - SHOWN} emptier ones</p> : null}
    </Card>
  );
}
