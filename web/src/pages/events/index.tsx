// Everything that watch sees, as it happens and as it was.
import { useEffect, useMemo, useState } from "preact/hooks";
import { count, clock } from "../../lib/format";
import { go, route, setQuery } from "../../lib/route";
import { now, paused, range, setFixed, span } from "../../lib/time";
import { EVENT_TYPES } from "../../lib/watch";
import { Severity } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Chips, Field, Search } from "../../ui/filter";
import { barsOf, Histogram, type Bars } from "../../ui/histogram";
import { LogSigns, LogState, useLog } from "../../ui/log";
import { CopyCsv, Table, type Column } from "../../ui/table";
import type { Page } from "../pages";
import { EventDetails } from "./details";
import { EventLog, type EventRow } from "./log";
import "./events.css";

function What({ row }: { row: EventRow }) {
  if (row.type === "gap") return <span class="lost">⚠ {row.text}</span>;
  return (
    <>
      {row.severity ? (
        <>
          <Severity level={row.severity} short />{" "}
        </>
      ) : null}
      <span class="mono">{row.text}</span>
    </>
  );
}

const COLUMNS: readonly Column<EventRow>[] = [
  {
    id: "time",
    title: "Time",
    width: 7,
    cell: (row) => <time title={clock(row.at, true)}>{clock(row.at)}</time>,
    text: (row) => new Date(row.at * 1000).toISOString(),
  },
  { id: "type", title: "Type", width: 6, priority: 2, cell: (row) => <span class="type">{row.type}</span>, text: (row) => row.type },
  {
    id: "process",
    title: "Process",
    width: 6,
    grow: 2,
    cell: (row) =>
      row.comm ? (
        <>
          {row.comm}
          {row.parent ? <span class="muted"> ← {row.parent}</span> : null}
        </>
      ) : null,
    text: (row) => row.comm,
  },
  { id: "pid", title: "PID", width: 4.5, end: true, priority: 5, cell: (row) => row.pid, text: (row) => row.pid },
  { id: "user", title: "UID", width: 3.6, end: true, priority: 6, cell: (row) => row.uid, text: (row) => row.uid },
  {
    id: "container",
    title: "Container",
    width: 7.5,
    grow: 1,
    priority: 4,
    cell: (row) => <span class="in-container">{row.container}</span>,
    text: (row) => row.container,
  },
  {
    id: "what",
    title: "What",
    width: 15,
    grow: 6,
    priority: 1,
    narrow: { title: "What", width: 8, cell: (row) => <What row={row} /> },
    cell: (row) => <What row={row} />,
    text: (row) => row.text,
  },
  { id: "rules", title: "Rules", width: 8, priority: 7, cell: (row) => row.tags, text: (row) => row.tags },
];

const FIELDS = { container: "container", exe: "program", user: "user", pid: "pid", ancestor: "below", exec_id: "execution", tag: "rule" } as const;
const NAMES = Object.keys(FIELDS) as (keyof typeof FIELDS)[];

const GROUPS: readonly { label: string; tone: string; types: readonly string[] }[] = [
  { label: "exec", tone: "tone-1", types: ["exec"] },
  { label: "exit, fork", tone: "tone-8", types: ["exit", "fork"] },
  { label: "container", tone: "tone-3", types: ["container"] },
  { label: "rights, accounts, kernel", tone: "tone-5", types: [] },
  { label: "lost", tone: "tone-bad", types: ["gap"] },
];
const OTHERS = 3;
const groupOf = new Map(GROUPS.flatMap(({ types }, at) => types.map((type) => [type, at] as const)));

function barsFrom(rows: readonly EventRow[], from: number, to: number, more: boolean): Bars {
  const { from: first, step, length } = barsOf(from, to);
  const counts = GROUPS.map(() => new Uint32Array(length));
  for (const row of rows) {
    if (row.at < first - 60) break; // newest first; the few that are out of order are within a minute
    const at = Math.floor((row.at - first) / step);
    if (at >= 0 && at < length) counts[groupOf.get(row.type) ?? OTHERS]![at]!++;
  }
  const last = rows[rows.length - 1];
  return {
    from: first,
    step,
    series: GROUPS.map(({ label, tone }, at) => ({ label, tone, counts: counts[at]! })),
    known: more && last ? last.at : undefined,
  };
}

/** The words of the address that the API filters by. */
function filterOf(query: ReadonlyMap<string, string>): string {
  const filter = new URLSearchParams();
  for (const name of ["type", ...NAMES]) if (query.get(name)) filter.set(name, query.get(name)!);
  if (query.get("q")) filter.set("text", query.get("q")!);
  return filter.toString();
}

/** Once a second, and never more often than that. */
function Timeline({ log }: { log: EventLog }) {
  const { from, to } = range.value;
  const second = Math.floor(now.value);
  const bars = useMemo(() => barsFrom(log.rows.peek(), from, to, log.more.peek()), [second, from, to, log, log.loading.value, log.rows.value.length < 1]);
  return <Histogram title="Events over time" bars={bars} onBrush={setFixed} />;
}

function View() {
  const { rest, query } = route.value;
  const filter = filterOf(query);
  const fixed = query.get("from") ? `${query.get("from")} ${query.get("to")}` : "";
  const log = useLog(() => new EventLog(filter, fixed !== ""), [filter, fixed]);
  useEffect(() => log?.widen(range.peek().from), [log, span.value]);

  const idText = /^\d+$/.test(rest) ? Number(rest) : undefined;
  const words = () => Object.fromEntries(query);
  const rows = log?.rows.value ?? [];
  const active = NAMES.filter((name) => query.get(name));
  const [fields, setFields] = useState(active.length > 0);
  const chosen = query.get("type")?.split(",") ?? [];
  const types = EVENT_TYPES.filter((type) => ["exec", "exit", "container", "file", "user", "credential", "gap"].includes(type) || chosen.includes(type) || fields);
  return (
    <div class="fill">
      <div class="bar">
        <h1>Events</h1>
        <Search label="Search events" hint="Any text in the event" />
        <button type="button" class="quiet" aria-expanded={fields} onClick={() => setFields(!fields)}>
          {fields ? "Fewer filters" : "More filters"}
        </button>
        {filter ? (
          <button
            type="button"
            class="quiet"
            onClick={() => setQuery(Object.fromEntries(["type", "q", ...NAMES].map((name) => [name, undefined])))}
          >
            Clear filters
          </button>
        ) : null}
        <span class="grow" />
        <LogSigns log={log} />
        <span class="muted figures-text">{rows.length ? `${count(rows.length)} loaded` : ""}</span>
        <CopyCsv columns={COLUMNS} rows={rows} />
      </div>
      <div class="bar">
        <Chips label="Types" word="type" choices={types} />
        {(fields ? NAMES : active).map((name) => (
          <Field key={name} label={FIELDS[name]} word={name} />
        ))}
      </div>
      {log ? <Timeline log={log} /> : null}
      <div class="split">
        <Table
          key={filter + fixed}
          label="Events, newest first"
          columns={COLUMNS}
          rows={rows}
          rowKey={(row) => String(row.id)}
          opened={rest || undefined}
          onOpen={(row) => go("events", String(row.id), words())}
          tone={(row) => (row.type === "gap" ? "warn" : row.severity ? "hit" : row.type === "exit" || row.type === "fork" ? "dim" : undefined)}
          newestFirst
          onEnd={() => void log?.back()}
          main
        >
          <LogState log={log} what="events">
            <Empty title={filter ? "No events fit the filters" : fixed ? "Nothing happened in this time" : "Nothing has happened yet"}>
              {paused.value ? "Another time, or fewer filters, may show more." : "What comes from now on is shown by itself."}
            </Empty>
          </LogState>
        </Table>
        {idText !== undefined ? <EventDetails id={idText} onClose={() => go("events", "", words())} /> : null}
      </div>
    </div>
  );
}

export const events: Page = { name: "events", title: "Events", key: "e", needs: ["watch"], View };
