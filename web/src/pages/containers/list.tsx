// All groups as a tree or a list, with what each uses now and used in the last pictures.
import { computed, signal, useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { containers, feedError, holdFeed, ready, sparkOf, tick, type Container } from "../../lib/feed";
import { bytes, count, cpu, percent, plain, rate } from "../../lib/format";
import { isSlice, KINDS, parentOf, pathOf, titleOf, workloads } from "../../lib/groups";
import { go, route, word } from "../../lib/route";
import { Empty, Failed, Loading } from "../../ui/empty";
import { Choose, matcher, Search, Switch } from "../../ui/filter";
import { Gauge } from "../../ui/gauge";
import { Icon } from "../../ui/icon";
import { Spark } from "../../ui/spark";
import { CopyCsv, Table, type Column } from "../../ui/table";

const MOVING = 0.00005; // CPUs; below it is no use

/** Draws itself anew with each picture, also when its row has not changed. */
function LiveSpark({ name, what }: { name: string; what: "cpu" | "memory" }) {
  void tick.value;
  return <Spark values={sparkOf(name, what)} width={64} tone={what === "cpu" ? 1 : 3} />;
}

const both = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0));
const worst = (row: Container): number | undefined => {
  const known = [row.psi_cpu, row.psi_memory, row.psi_io].filter((value) => value !== undefined);
  return known.length ? Math.max(...known) : undefined;
};

const columns: readonly Column<Container>[] = [
  {
    id: "name",
    title: "Name",
    width: 11,
    grow: 1,
    value: (row) => titleOf(row),
    text: (row) => row.name,
    cell: (row) => (
      <span class="group-name" title={plain(row.name)}>
        {row.kind === "container" ? <Icon name="containers" size={15} /> : null}
        <span class={row.kind === "group" || isSlice(row) ? "muted" : undefined}>{titleOf(row)}</span>
      </span>
    ),
  },
  { id: "kind", title: "Kind", width: 6, priority: 7, value: (row) => row.engine ?? KINDS[row.kind], cell: (row) => row.engine ?? KINDS[row.kind] },
  { id: "image", title: "Image", width: 9, grow: 0.4, priority: 8, value: (row) => row.image, cell: (row) => plain(row.image ?? "") },
  {
    id: "cpu",
    title: "CPU",
    hint: "100 % is one whole CPU",
    width: 4.5,
    end: true,
    descending: true,
    value: (row) => row.cpu,
    cell: (row) => (row.cpu !== undefined && row.cpu < MOVING ? "0 %" : cpu(row.cpu)),
  },
  { id: "cpuline", title: "last 90 s", hint: "CPU in the last 90 seconds", width: 5.2, priority: 3, cell: (row) => (row.cpu === undefined ? null : <LiveSpark name={row.name} what="cpu" />) },
  {
    id: "memory",
    title: "Memory",
    hint: "Working set: without what is easy to reclaim",
    width: 5,
    end: true,
    descending: true,
    value: (row) => row.memory,
    cell: (row) => bytes(row.memory),
  },
  { id: "memoryline", title: "last 90 s", hint: "Memory in the last 90 seconds", width: 5.2, priority: 5, cell: (row) => (row.memory === undefined ? null : <LiveSpark name={row.name} what="memory" />) },
  {
    id: "limit",
    title: "of limit",
    hint: "Share of its memory limit",
    width: 5,
    priority: 6,
    descending: true,
    value: (row) => (row.memory_limit && row.memory !== undefined ? row.memory / row.memory_limit : undefined),
    cell: (row) => (row.memory_limit && row.memory !== undefined ? <Gauge label="Share of the memory limit" share={row.memory / row.memory_limit} /> : null),
  },
  {
    id: "network",
    title: "Network",
    hint: "Received and sent",
    width: 6,
    end: true,
    priority: 2,
    descending: true,
    value: (row) => both(row.receive, row.send),
    cell: (row) => rate(both(row.receive, row.send)),
  },
  {
    id: "io",
    title: "Disk",
    hint: "Read and written",
    width: 6,
    end: true,
    priority: 2,
    descending: true,
    value: (row) => both(row.read, row.write),
    cell: (row) => rate(both(row.read, row.write)),
  },
  { id: "tasks", title: "Tasks", width: 4, end: true, priority: 4, descending: true, value: (row) => row.processes, cell: (row) => count(row.processes) },
  {
    id: "pressure",
    title: "Pressure",
    hint: "The most of CPU, memory and I/O: time in which its tasks waited",
    width: 5,
    end: true,
    priority: 6,
    descending: true,
    value: worst,
    cell: (row) => percent(worst(row)),
  },
  {
    id: "throttled",
    title: "Throttled",
    hint: "Time in which it waited for its CPU limit",
    width: 5.6,
    end: true,
    priority: 7,
    descending: true,
    value: (row) => row.throttled,
    cell: (row) => (row.throttled ? percent(row.throttled * 100) : ""),
  },
];

const q = word("q");
const kind = word("kind", "all");
const view = word("view", "tree");

const closed = signal<ReadonlySet<string>>(new Set());
let closedFirst = false;
/** What is inside of containers and services is closed at the first look. */
function closeInside(): void {
  if (closedFirst || !containers.map.size) return;
  closedFirst = true;
  closed.value = new Set(workloads(containers.map).map((row) => row.name));
}

const textOf = (row: Container): string => `${row.name} ${row.alias ?? ""} ${row.image ?? ""} ${row.unit ?? ""} ${row.engine ?? ""} ${row.kind}`;

const found = computed(() => {
  const all = containers.all;
  const fits = matcher(q.value);
  const wanted = kind.value;
  const top = wanted === "all" ? null : new Set(workloads(all).map((row) => row.name));
  const right = (row: Container) => (!top || (row.kind === wanted && top.has(row.name))) && fits(textOf(row));
  const rows = [...all.values()].filter(right);
  return { rows, whole: rows.length === all.size };
});

/** With all that is above what was found, so that the tree stays one. */
const shown = computed(() => {
  const { rows, whole } = found.value;
  if (view.value !== "tree") return rows;
  if (whole) return rows;
  const all = containers.map;
  const keep = new Set<string>();
  for (const row of rows)
    for (let name: string | undefined = row.name; name && !keep.has(name); name = parentOf(name, (each) => all.has(each))) keep.add(name);
  return [...keep].map((name) => all.get(name)!);
});

const parent = (row: Container) => parentOf(row.name, (name) => containers.map.has(name));
const open = (row: Container) => go("containers", pathOf(row.name));
const key = (row: Container) => row.name;
const emptySet = signal<ReadonlySet<string>>(new Set());

export function List() {
  useEffect(() => holdFeed("containers"), []);
  const there = useComputed(() => ready.value.has("containers"));
  if (there.value) closeInside();
  const rows = shown.value;
  const tree = view.value === "tree";
  const filtered = route.value.query.has("q") || route.value.query.has("kind");
  return (
    <div class="fill">
      <div class="bar">
        <h1>Containers</h1>
        <Search label="Search the containers" hint="name, image, unit, path" />
        <Choose
          label="Show"
          word="kind"
          choices={[
            { value: "", label: "all groups" },
            { value: "container", label: "containers" },
            { value: "unit", label: "services" },
            { value: "group", label: "other groups" },
          ]}
        />
        <Switch
          label="Order"
          word="view"
          choices={[
            { value: "tree", label: "Tree" },
            { value: "flat", label: "List" },
          ]}
        />
        <span class="muted" role="status">
          {there.value ? `${found.value.rows.length}${filtered ? ` of ${containers.map.size}` : ""}` : ""}
        </span>
        <CopyCsv columns={columns} rows={rows} />
      </div>
      <Table<Container>
        label="Containers, units and groups"
        main
        columns={columns}
        rows={rows}
        rowKey={key}
        sort="-cpu"
        tree={tree ? { parent, closed: filtered ? emptySet : closed } : undefined}
        onOpen={open}
      >
        {feedError.value && !there.value ? (
          <Failed what="The containers" error={feedError.value} />
        ) : !there.value ? (
          <Loading what="the containers" />
        ) : filtered ? (
          <Empty title="Nothing fits">Of {containers.map.size} groups none has these words, or is of this kind.</Empty>
        ) : (
          <Empty title="No control groups">Neither containers nor units run here, or metrics may not see them.</Empty>
        )}
      </Table>
    </div>
  );
}
