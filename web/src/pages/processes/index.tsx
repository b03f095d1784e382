// The processes that run now, as a tree or a list, moving with the feed.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { feedError, holdFeed, host, processes as rows, processKey, ready, tick, unixOf, type Process } from "../../lib/feed";
import { age, bytes, cpu, plain, rate } from "../../lib/format";
import { go, route } from "../../lib/route";
import { now, paused } from "../../lib/time";
import { Badge } from "../../ui/badge";
import { Empty, Failed, Loading } from "../../ui/empty";
import { Search, Switch, Toggle, Words, matcher } from "../../ui/filter";
import { CopyCsv, Table, type Column } from "../../ui/table";
import type { Page } from "../pages";
import { ProcessDetails } from "./details";
import { KillButton, KillDialog } from "./kill";
import { dropFigures, sameStart, stateText, takeFigures, whereOf } from "./model";
import "./processes.css";

const closed = signal<ReadonlySet<string>>(new Set());
const closedInSearch = signal<ReadonlySet<string>>(new Set());
const marks = signal<ReadonlySet<string>>(new Set());

function Share({ of, text }: { of: number | undefined; text: string }) {
  return (
    <span class={of ? "share" : "share muted"} style={{ "--share": `${Math.min(100, Math.max(0, (of ?? 0) * 100)).toFixed(1)}%` }}>
      {text}
    </span>
  );
}

const COLUMNS: readonly Column<Process>[] = [
  {
    id: "name",
    title: "Name",
    width: 13,
    grow: 4,
    cell: (p) => plain(p.name ?? "?"),
    narrow: { title: "Name", width: 6, cell: (p) => plain(p.name ?? "?") },
    value: (p) => p.name,
  },
  { id: "pid", title: "PID", width: 4.5, end: true, priority: 4, cell: (p) => p.pid, value: (p) => p.pid },
  { id: "user", title: "User", width: 6, priority: 5, cell: (p) => plain(p.user ?? String(p.uid ?? "")), value: (p) => p.user ?? p.uid },
  {
    id: "where",
    title: "Container, unit",
    width: 9,
    grow: 2,
    priority: 3,
    cell: (p) => <span class={p.container ? "in-container" : "muted"}>{plain(whereOf(p) ?? "")}</span>,
    value: whereOf,
  },
  {
    id: "cpu",
    title: "CPU",
    hint: "Share of one CPU",
    width: 4.8,
    end: true,
    descending: true,
    cell: (p) => <Share of={p.cpu} text={cpu(p.cpu)} />,
    value: (p) => p.cpu,
  },
  {
    id: "memory",
    title: "Memory",
    hint: "Resident memory",
    width: 5.5,
    end: true,
    descending: true,
    cell: (p) => <Share of={(p.memory ?? 0) / (host.peek()?.memory_total ?? Infinity)} text={bytes(p.memory)} />,
    value: (p) => p.memory,
  },
  { id: "read", title: "Reads", width: 6.2, end: true, descending: true, priority: 8, cell: (p) => quiet(p.read), value: (p) => p.read },
  { id: "write", title: "Writes", width: 6.2, end: true, descending: true, priority: 8, cell: (p) => quiet(p.write), value: (p) => p.write },
  { id: "threads", title: "Thr", hint: "Threads", width: 2.8, end: true, descending: true, priority: 10, cell: (p) => p.threads, value: (p) => p.threads },
  {
    id: "state",
    title: "State",
    width: 3.6,
    priority: 11,
    cell: (p) => <span title={stateText(p.state)}>{p.state === "S" || p.state === "I" ? <span class="muted">{p.state}</span> : p.state}</span>,
    value: (p) => p.state,
  },
  {
    id: "start",
    title: "Age",
    hint: "Since its start",
    width: 4.6,
    end: true,
    priority: 9,
    cell: (p) => <Age since={unixOf(p.start)} />,
    value: (p) => -(unixOf(p.start) ?? 0),
    text: (p) => String(p.start),
  },
  {
    id: "command",
    title: "Command",
    width: 12,
    grow: 5,
    priority: 7,
    cell: (p) => <span class="mono">{plain(p.command_line ?? "")}</span>,
    value: (p) => p.command_line,
  },
];

/** Moves by itself: a row is drawn again only when its figures change. */
const Age = ({ since }: { since: number | undefined }) => <>{age(since, now.value)}</>;

/** Nothing to see is not worth ink. */
const quiet = (value: number | undefined) => (value ? rate(value) : value === 0 ? <span class="muted">0</span> : "");

const hay = (p: Process): string =>
  `${p.pid} ${p.name ?? ""} ${p.command_line ?? ""} ${p.executable ?? ""} ${p.user ?? ""} ${p.container ?? ""} ${p.group ?? ""}`;

interface Shown {
  all: number;
  hits: number;
  hidden: number; // threads of the kernel
  list: readonly Process[];
  dim: ReadonlySet<Process>; // are there only for those below them
  parents: ReadonlyMap<number, string>;
}

/** Who fits; in a tree with those above them. */
function select(everybody: ReadonlyMap<string, Process>, tree: boolean, kernel: boolean, group: string, user: string, q: string): Shown {
  const fits = matcher(q);
  const byPid = new Map<number, Process>();
  const hits = new Set<Process>();
  let hidden = 0;
  for (const each of everybody.values()) {
    byPid.set(each.pid, each);
    if (each.kernel && !kernel) {
      hidden++;
      continue;
    }
    if (group && each.group !== group && !each.group?.startsWith(group.endsWith("/") ? group : `${group}/`)) continue;
    if (user && each.user !== user && String(each.uid) !== user) continue;
    if (fits(hay(each))) hits.add(each);
  }
  const dim = new Set<Process>();
  if (tree && (q || group || user))
    for (const hit of hits)
      for (let at = byPid.get(hit.ppid ?? -1); at && !hits.has(at) && !dim.has(at); at = byPid.get(at.ppid ?? -1)) dim.add(at);
  const parents = new Map<number, string>();
  if (tree) for (const [pid, each] of byPid) parents.set(pid, processKey(each));
  return { all: everybody.size, hits: hits.size, hidden, list: [...hits, ...dim], dim, parents };
}

function View() {
  useEffect(() => {
    const release = holdFeed("processes", "host");
    return () => {
      release();
      dropFigures();
    };
  }, []);
  const picture = tick.value;
  useEffect(() => {
    if (picture !== null) takeFigures();
  }, [picture]);

  const { rest, query } = route.value;
  const tree = query.get("view") !== "flat";
  const [kernel, group, user, q] = [query.get("kernel") === "1", query.get("group") ?? "", query.get("user") ?? "", query.get("q") ?? ""];
  const there = rows.all;
  const still = useRef(new Map<string, Process>());
  if (!paused.value || !still.current.size) still.current = new Map(there); // paused: as they were
  const standing = paused.value ? still.current : undefined;
  const stamp = standing ?? picture;
  const shown = useMemo(
    () => select(still.current, tree, kernel, group, user, q),
    [stamp, there.size, tree, kernel, group, user, q],
  );
  const shutting = q || group || user ? closedInSearch : closed;

  const [pidText = "", startText] = rest.split("/");
  const pid = /^\d+$/.test(pidText) ? Number(pidText) : undefined;
  const start = startText ?? query.get("start");
  const opened = useMemo(() => {
    if (pid === undefined) return undefined;
    for (const each of still.current.values()) if (each.pid === pid && sameStart(each.start, start ?? undefined)) return each;
    return undefined;
  }, [stamp, there.size, pid, start]);

  const [asked, setAsked] = useState<readonly Process[]>([]);
  const marked = [...marks.value].map((key) => still.current.get(key)).filter((each): each is Process => each !== undefined);
  useEffect(() => {
    if (marked.length < marks.value.size) marks.value = new Set(marked.map(processKey)); // the others have ended
  }, [marked.length, marks.value.size]);
  useEffect(() => () => void (marks.value = new Set()), []);

  const words = () => Object.fromEntries(query);
  const sort = tree ? "pid" : "-cpu";
  const loaded = ready.value.has("processes");
  return (
    <div class="fill">
      <div class="bar">
        <h1>Processes</h1>
        <Search label="Search processes" hint="Name, command, user, container" />
        <Switch label="Form" word="view" choices={[{ value: "tree", label: "Tree" }, { value: "flat", label: "List" }]} />
        <Toggle label={`Kernel threads${shown.hidden ? ` (${shown.hidden})` : ""}`} word="kernel" />
        <Words of={["group", "user"]} />
        <span class="grow" />
        {feedError.value && there.size ? <Badge tone="warn">stands still: {feedError.value.message}</Badge> : null}
        <span class="muted figures-text" role="status">
          {loaded ? `${shown.hits} of ${shown.all}` : ""}
        </span>
        {marked.length ? (
          <>
            <KillButton of={marked} onAsk={() => setAsked(marked)} />
            <button type="button" class="quiet" onClick={() => (marks.value = new Set())}>
              Clear marks
            </button>
          </>
        ) : null}
        <CopyCsv columns={COLUMNS} rows={shown.list} />
      </div>
      <div class="split">
        <Table
          key={tree ? "tree" : "flat"}
          label={tree ? "Tree of processes" : "Processes"}
          columns={COLUMNS}
          rows={shown.list}
          rowKey={processKey}
          rowLabel={(p) => `${p.name ?? ""} ${p.pid}`}
          sort={sort}
          tree={tree ? { parent: (p) => shown.parents.get(p.ppid ?? -1), closed: shutting } : undefined}
          opened={opened && processKey(opened)}
          onOpen={(p) => go("processes", String(p.pid), { ...words(), start: String(p.start) })}
          marks={marks}
          tone={(p) => (shown.dim.has(p) ? "dim" : p.state === "Z" ? "warn" : undefined)}
          main
        >
          {!loaded && feedError.value ? (
            <Failed what="The processes" error={feedError.value} />
          ) : !loaded ? (
            <Loading what="processes" />
          ) : (
            <Empty title="No process fits">{`${shown.all} processes run here; none of them has what you search.`}</Empty>
          )}
        </Table>
        {pid !== undefined && (opened || loaded) ? (
          <ProcessDetails
            pid={pid}
            process={opened}
            start={start ?? undefined}
            memoryTotal={host.value?.memory_total}
            onClose={() => go("processes", "", { ...words(), start: undefined })}
            onKill={(p) => setAsked([p])}
          />
        ) : null}
      </div>
      {asked.length ? <KillDialog of={asked} onClose={() => setAsked([])} /> : null}
    </div>
  );
}

export const processes: Page = { name: "processes", title: "Processes", key: "p", needs: ["metrics"], View };
