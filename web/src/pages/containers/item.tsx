// One container, unit or group in full: what it uses over time, its limits, its files, processes, events, image and labels.
import { useComputed } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo } from "preact/hooks";
import { request, running } from "../../lib/api";
import { containers, holdFeed, host, ready, traceContainer, unixOf, type Container } from "../../lib/feed";
import { age, bytes, clock, count, cpu, percent, plain } from "../../lib/format";
import { KINDS, parentOf, pathOf, titleOf } from "../../lib/groups";
import { bindKeys } from "../../lib/keys";
import { useLoad } from "../../lib/load";
import { go, hrefOf } from "../../lib/route";
import { now } from "../../lib/time";
import { Badge } from "../../ui/badge";
import { Facts } from "../../ui/details";
import { Failed, Loading } from "../../ui/empty";
import { Card } from "../../ui/card";
import { Fillings, Gauge } from "../../ui/gauge";
import { Icon } from "../../ui/icon";
import { ItemCharts } from "./charts";
import { Below, Events, Processes } from "./inside";

/** What cAdvisor's API tells of one container, as far as it is shown. */
interface Deep {
  spec: {
    creation_time?: string;
    labels?: Record<string, string>;
    image?: string;
    has_cpu?: boolean;
    cpu?: { limit?: number; mask?: string; quota?: number; period?: number };
    memory?: { limit?: number; reservation?: number; swap_limit?: number };
    processes?: { limit?: number };
  };
  stats?: {
    timestamp: string;
    cpu?: { usage?: { per_cpu_usage?: number[] }; cfs?: { periods?: number; throttled_periods?: number } };
    memory?: { failcnt?: number };
    filesystem?: { device: string; type?: string; capacity: number; usage: number }[];
    processes?: { fd_count?: number; socket_count?: number };
  }[];
}

function Crumbs({ name }: { name: string }) {
  const has = (each: string) => containers.all.has(each);
  const above: Container[] = [];
  for (let at = parentOf(name, has); at && at !== "/"; at = parentOf(at, has)) above.unshift(containers.map.get(at)!);
  return (
    <nav aria-label="Groups above" class="crumbs">
      <a href={hrefOf("containers")}>Containers</a>
      {above.map((row) => (
        <>
          {" "}
          <Icon name="right" size={12} /> <a href={hrefOf("containers", pathOf(row.name))}>{titleOf(row)}</a>
        </>
      ))}
    </nav>
  );
}

/** Busy share of each CPU, from two samples. Only control groups of version 1 tell. */
function Cores({ deep }: { deep: Deep }) {
  const [a, b] = [deep.stats?.at(-2), deep.stats?.at(-1)];
  const [from, to] = [a?.cpu?.usage?.per_cpu_usage, b?.cpu?.usage?.per_cpu_usage];
  if (!from || !to || from.length !== to.length) return null;
  const length = (Date.parse(b!.timestamp) - Date.parse(a!.timestamp)) * 1e6;
  if (length <= 0) return null;
  return (
    <Card title="Each CPU">
      <ul class="each-cpu">
        {to.slice(0, 256).map((value, core) => {
          const share = Math.max(0, (value - from[core]!) / length);
          return (
            <li key={core}>
              <span class="muted num">{core}</span> <Gauge label={`CPU ${core}`} share={share} warn={2} bad={2} /> <span class="num">{percent(share * 100)}</span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

const ENDLESS = 2 ** 60; // memory limits of no limit are near 2^63

function Limits({ row, deep }: { row: Container; deep: Deep | undefined }) {
  const cfs = deep?.stats?.at(-1)?.cpu?.cfs;
  const memory = deep?.spec.memory;
  const limit = (value: number | undefined) => (value && value < ENDLESS ? bytes(value) : undefined);
  const share = (used: number | undefined, of: number | undefined, label: string) =>
    used !== undefined && of ? <Gauge label={label} share={used / of} /> : null;
  const facts: [string, preact.ComponentChildren][] = [
    ["CPU", row.cpu_limit ? <>{cpu(row.cpu_limit)} (100 % is one CPU) {share(row.cpu, row.cpu_limit, "Share of the CPU limit")}</> : "no limit"],
    ["Throttled", cfs?.periods ? `in ${count(cfs.throttled_periods)} of ${count(cfs.periods)} periods` : ""],
    ["CPU shares", deep?.spec.has_cpu && deep.spec.cpu?.limit],
    ["CPUs allowed", deep?.spec.cpu?.mask && plain(deep.spec.cpu.mask)],
    ["Memory", row.memory_limit ? <>{bytes(row.memory_limit)} {share(row.memory, row.memory_limit, "Share of the memory limit")}</> : "no limit"],
    ["Memory kept for it", limit(memory?.reservation)],
    ["Swap", limit(memory?.swap_limit)],
    ["Limit was hit", deep?.stats?.at(-1)?.memory?.failcnt || ""],
    ["Tasks", row.processes_limit ? <>{count(row.processes_limit)} {share(row.processes, row.processes_limit, "Share of the task limit")}</> : "no limit"],
  ];
  return (
    <Card title="Limits">
      <Facts of={facts} />
    </Card>
  );
}

const LABELS = 64;

function What({ row, deep, name }: { row: Container | undefined; deep: Deep | undefined; name: string }) {
  const labels = Object.entries(deep?.spec.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const started = unixOf(row?.started ?? deep?.spec.creation_time);
  const last = deep?.stats?.at(-1)?.processes;
  const mono = (text: string | undefined) => text && <code class="wrap">{plain(text)}</code>;
  return (
    <Card title="What it is">
      <Facts
        of={[
          ["Kind", row && KINDS[row.kind]],
          ["Engine", row?.engine],
          ["Image", mono(row?.image ?? deep?.spec.image)],
          ["Id", mono(row?.id)],
          ["Unit", mono(row?.unit)],
          ["Group", mono(name)],
          ["Started", started ? `${clock(started, true).slice(0, 19)}, ${age(started, now.value)} ago` : ""],
          ["Files open", last?.fd_count ? `${count(last.fd_count)}, of them sockets ${count(last.socket_count)}` : ""],
        ]}
      />
      {labels.length ? (
        <details>
          <summary>
            {labels.length} {labels.length === 1 ? "label" : "labels"}
          </summary>
          <Facts of={labels.slice(0, LABELS).map(([label, value]) => [plain(label), plain(value)] as const)} />
          {labels.length > LABELS ? <p class="muted">and {labels.length - LABELS} more</p> : null}
        </details>
      ) : null}
    </Card>
  );
}

function Files({ deep }: { deep: Deep }) {
  const systems = deep.stats?.at(-1)?.filesystem?.filter((each) => each.capacity > 0) ?? [];
  if (!systems.length) return null;
  return (
    <Card title="File systems">
      <Fillings of={systems.slice(0, 16).map((each) => [plain(each.device), each.usage / each.capacity, `${bytes(each.usage)} of ${bytes(each.capacity)}`])} />
    </Card>
  );
}

export function Item({ name: asked }: { name: string }) {
  useEffect(() => holdFeed("host", "containers"), []);
  // a link may have the name that its engine gave it instead of the path
  const found = useComputed<Container | undefined>(() => {
    const all = containers.all;
    const row = all.get(asked);
    if (row || asked.indexOf("/", 1) > 0) return row;
    for (const each of all.values()) if (each.alias === asked.slice(1) || each.id === asked.slice(1)) return each;
    return undefined;
  });
  const known = useComputed(() => ready.value.has("containers"));
  if (!known.value && !found.value) return <Loading what="the container" />;
  const name = found.value?.name ?? asked;
  return <Whole key={name} name={name} row={found.value} />;
}

function Whole({ name, row }: { name: string; row: Container | undefined }) {
  const [trace, release] = useMemo(() => traceContainer(name), [name]);
  useEffect(() => release, [name]);
  const gone = !row;
  useLayoutEffect(
    () =>
      bindKeys([
        {
          keys: "u",
          label: "Up: the group above, or the list",
          section: "Containers",
          run: () => {
            const above = parentOf(name, (each) => containers.map.has(each));
            go("containers", above && above !== "/" ? pathOf(above) : "");
          },
        },
      ]),
    [name],
  );
  const deep = useLoad(
    async (abort) =>
      gone
        ? undefined
        : request<Deep>(`/v1/modules/metrics/cadvisor/api/v1.3/containers${name.split("/").map(encodeURIComponent).join("/")}`, {
            body: { num_stats: 2 },
            signal: abort,
          }),
    [name, gone],
    5,
  );
  const title = titleOf(row ?? { name });
  const watch = running.value.has("watch");
  return (
    <div class="page">
      <Crumbs name={name} />
      <div class="page-head">
        <h1>{title}</h1>
        {row ? <Badge tone="accent">{row.engine ?? KINDS[row.kind]}</Badge> : <Badge tone="warn">gone</Badge>}
        <span class="muted cut">{[row?.image && plain(row.image), row?.id?.slice(0, 12)].filter(Boolean).join(" · ")}</span>
      </div>
      {row ? null : (
        <p class="notice" role="status">
          No group of this name is here now. What is shown below comes from the history; a longer time range may have more of it.
        </p>
      )}
      <ItemCharts name={name} row={row} trace={trace} cpus={host.value?.cpus} />
      <div class="two">
        <div class="page">
          <Processes name={name} />
          {watch ? <Events row={row} /> : null}
        </div>
        <div class="page">
          {row ? <Limits row={row} deep={deep.value} /> : null}
          <What row={row} deep={deep.value} name={name} />
          {deep.value ? <Cores deep={deep.value} /> : null}
          {deep.value ? <Files deep={deep.value} /> : null}
          {deep.error && !deep.value && row ? <Failed what="Its limits and files" error={deep.error} retry={deep.again} /> : null}
          <Below name={name} />
        </div>
      </div>
    </div>
  );
}
