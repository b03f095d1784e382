// What rules and modules warned of, and who has seen to it.
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { request } from "../../lib/api";
import { age, clock, count, plain } from "../../lib/format";
import { bindKeys } from "../../lib/keys";
import { useLoad } from "../../lib/load";
import { go, route } from "../../lib/route";
import { now, paused, range, setFixed, span } from "../../lib/time";
import { AllowedButton, whyNot } from "../../ui/allowed";
import { SEVERITIES, Severity } from "../../ui/badge";
import { Empty } from "../../ui/empty";
import { Choose, Search, Switch, Words } from "../../ui/filter";
import { barsOf, Histogram, type Bars } from "../../ui/histogram";
import { LogSigns, LogState, useLog } from "../../ui/log";
import { CopyCsv, Table, type Column } from "../../ui/table";
import { toast } from "../../ui/toast";
import type { Page } from "../pages";
import { AcknowledgeDialog, MuteDialog, reopen } from "./actions";
import { AlertDetails, Mutes, State } from "./details";
import { AlertLog, BASE, severityRank, type Alert, type Counts } from "./log";
import "./alerts.css";

const marks = signal<ReadonlySet<string>>(new Set());

const Ago = ({ since }: { since: string }) => <time title={clock(since, true)}>{age(since, now.value)}</time>;

const COLUMNS: readonly Column<Alert>[] = [
  { id: "severity", title: "Severity", width: 5.4, descending: true, cell: (row) => <Severity level={row.severity} />, narrow: { title: "", width: 1.6, cell: (row) => <Severity level={row.severity} short /> }, value: severityRank, text: (row) => row.severity },
  {
    id: "last",
    title: "Age",
    hint: "Since it came the last time",
    width: 4.6,
    end: true,
    descending: true,
    cell: (row) => <Ago since={row.last} />,
    value: (row) => Date.parse(row.last),
    text: (row) => row.last,
  },
  {
    id: "message",
    title: "Message",
    width: 16,
    grow: 6,
    narrow: { title: "Message", width: 8, cell: (row) => plain(row.message) },
    cell: (row) => plain(row.message),
    text: (row) => row.message,
  },
  {
    id: "count",
    title: "×",
    hint: "How often it came",
    width: 2.8,
    end: true,
    descending: true,
    priority: 6,
    cell: (row) => (row.count > 1 ? count(row.count) : ""),
    value: (row) => row.count,
  },
  { id: "rule", title: "Rule", width: 9, grow: 1, priority: 4, cell: (row) => plain(row.rule ?? ""), value: (row) => row.rule },
  { id: "module", title: "Module", width: 5, priority: 8, cell: (row) => plain(row.module ?? ""), value: (row) => row.module },
  {
    id: "container",
    title: "Container",
    width: 7,
    priority: 5,
    cell: (row) => <span class="in-container">{plain(row.container ?? "")}</span>,
    value: (row) => row.container,
  },
  { id: "state", title: "State", width: 8, priority: 7, cell: (row) => <State of={row.state} />, value: (row) => row.state },
];

const WITHOUT_STATE = COLUMNS.filter((column) => column.id !== "state");

const STATES = [
  { value: "open", label: "Open" },
  { value: "acknowledged", label: "Acknowledged" },
  { value: "muted", label: "Muted" },
  { value: "all", label: "All" },
];
const LEAST = [
  { value: "", label: "all" },
  { value: "medium", label: "medium and worse" },
  { value: "high", label: "high and worse" },
  { value: "critical", label: "critical" },
];
const WORDS = ["module", "rule", "container"] as const;
const MINUTE = 60;
const DAY = 86_400;

const iso = (time: number) => new Date(time * 1000).toISOString();

/** Follows, a second and a half later: a storm of alerts is counted now and then, not each time. */
function useLater(turn: number): number {
  const [later, setLater] = useState(turn);
  const latest = useRef(turn);
  latest.current = turn;
  useEffect(() => {
    if (latest.current === later) return undefined;
    const timer = setTimeout(() => setLater(latest.current), 1500);
    return () => clearTimeout(timer);
  }, [turn === later, later]);
  return later;
}

/** A day, when nobody said otherwise: alerts are rare. Bars are whole minutes. */
function Timeline({ turn, filter, fixed, onOpen }: { turn: number; filter: string; fixed: boolean; onOpen: (counts: Counts) => void }) {
  const later = useLater(turn);
  const chosen = route.value.query.has("range");
  const length = fixed || paused.value ? 0 : chosen ? Math.max(15 * MINUTE, span.value) : DAY;
  const minute = Math.floor(now.value / MINUTE);
  const { from, to } = length ? { from: (minute + 1) * MINUTE - length, to: (minute + 1) * MINUTE } : range.peek();
  const area = barsOf(from, Math.max(to, from + MINUTE));
  const step = Math.max(MINUTE, Math.ceil(area.step / MINUTE) * MINUTE);
  const first = Math.floor(from / step) * step;
  const counts = useLoad(
    (abort) => request<Counts>(`${BASE}/counts?since=${encodeURIComponent(iso(first))}&step=${step}s&${filter}`, { signal: abort }),
    [first, step, later, filter],
  );
  const last = useRef<Counts | undefined>(undefined);
  if (counts.value) last.current = counts.value;
  const told = last.current;
  useEffect(() => {
    if (counts.value) onOpen(counts.value);
  }, [counts.value]);
  const bars = useMemo<Bars>(() => {
    const bins = Math.max(1, Math.ceil((to - first) / step));
    const series = SEVERITIES.map((level) => ({ label: level, tone: `tone-${level}`, counts: new Float64Array(bins) }));
    for (const bin of told?.histogram ?? []) {
      const at = Math.floor((Date.parse(bin.time) / 1000 - first) / step);
      if (at >= 0 && at < bins) for (const one of series) one.counts[at]! += bin[one.label];
    }
    return { from: first, step, series };
  }, [told, first, step, to]);
  return <Histogram title="Alerts over time" bars={bars} onBrush={setFixed} />;
}

function View() {
  const { rest, query } = route.value;
  const state = query.get("state") ?? "open";
  const fixed = query.has("from");
  const filter = useMemo(() => {
    const words = new URLSearchParams();
    for (const name of [...WORDS, "severity"]) if (query.get(name)) words.set(name, query.get(name)!);
    if (query.get("q")) words.set("text", query.get("q")!);
    return words.toString();
  }, [query]);

  const log = useLog(() => new AlertLog(filter, state === "all" ? "" : state, fixed), [filter, state, query.get("from"), query.get("to")]);
  const [counts, setCounts] = useState<Counts | null>(null);
  const [asked, setAsked] = useState<readonly Alert[]>([]);
  const [muting, setMuting] = useState<Alert | null>(null);
  const [turn, setTurn] = useState(0); // of the mutes
  useEffect(() => () => void (marks.value = new Set()), []);

  const rows = log?.rows.value ?? [];
  const opened = /^\d+$/.test(rest) ? Number(rest) : undefined;
  const row = opened === undefined ? undefined : rows.find((each) => each.id === opened);
  const marked = useMemo(() => rows.filter((each) => marks.value.has(String(each.id))), [rows, marks.value]);
  const words = () => Object.fromEntries(query);
  const away = () => go("alerts", "", words());
  const after = (done: boolean) => {
    // what was asked for since then stays open
    setAsked((now) => (now === asked ? [] : now));
    setMuting((now) => (now === muting ? null : now));
    if (!done) return;
    marks.value = new Set();
    setTurn((n) => n + 1);
    if (!log?.live.value) void log?.load();
  };

  const shown = useRef<Alert>();
  const chosen = (): readonly Alert[] => {
    const open = row ?? shown.current;
    return marked.length ? marked : open && open.id === opened ? [open] : [];
  };
  const latest = useRef(chosen);
  latest.current = chosen;
  useLayoutEffect(() => {
    const guarded = (doing: string, run: (alerts: readonly Alert[]) => void) => () => {
      const why = whyNot({ role: "investigator", doing });
      if (why) toast(`Refused: ${why}`, "bad");
      else if (!latest.current().length) toast("Mark alerts, or open one, first");
      else run(latest.current());
    };
    const section = "Alerts";
    return bindKeys([
      { keys: "a", label: "Acknowledge what is marked, or open", section, run: guarded("acknowledging", setAsked) },
      { keys: "r", label: "Open again", section, run: guarded("opening an alert again", (alerts) => void reopen(alerts)) },
      { keys: "m", label: "Mute alerts like the one that is open", section, run: guarded("muting", ([first]) => setMuting(first!)) },
    ]);
  }, []);

  return (
    <div class="fill">
      <div class="bar">
        <h1>Alerts</h1>
        <Search label="Search alerts" hint="Message, rule, container, program" />
        <Switch label="State" word="state" choices={STATES} />
        <Choose label="Severity" word="severity" choices={LEAST} />
        <Words of={WORDS} />
        <span class="grow" />
        <LogSigns log={log} />
        <button type="button" class="quiet" aria-pressed={rest === "mutes"} onClick={() => (rest === "mutes" ? away() : go("alerts", "mutes", words()))}>
          Mutes
        </button>
        <CopyCsv columns={COLUMNS} rows={rows} />
      </div>
      <div class="bar open-counts">
        {counts
          ? [...SEVERITIES].reverse().map((level) => (
              <span key={level} class={counts.open[level] ? undefined : "muted"}>
                <Severity level={level} /> <b>{count(counts.open[level])}</b> open
              </span>
            ))
          : null}
        <span class="grow" />
        {marked.length ? (
          <>
            {state === "acknowledged" ? (
              <AllowedButton role="investigator" doing="opening alerts again" onPress={() => void reopen(marked).then(() => after(true))}>
                Open {marked.length} again
              </AllowedButton>
            ) : (
              <AllowedButton role="investigator" doing="acknowledging" class="primary" onPress={() => setAsked(marked)}>
                Acknowledge {marked.length} …
              </AllowedButton>
            )}
            <button type="button" class="quiet" onClick={() => (marks.value = new Set())}>
              Clear marks
            </button>
          </>
        ) : null}
      </div>
      {log ? <Timeline turn={log.turn.value + turn} filter={`${filter}&state=${state === "all" ? "open,acknowledged,muted" : state}`} fixed={fixed} onOpen={setCounts} /> : null}
      <div class="split">
        <Table
          key={state}
          label="Alerts"
          columns={state === "all" ? COLUMNS : WITHOUT_STATE}
          rows={rows}
          rowKey={(each) => String(each.id)}
          rowLabel={(each) => `alert ${each.id}`}
          sort="-last"
          opened={opened === undefined ? undefined : String(opened)}
          onOpen={(each) => go("alerts", String(each.id), words())}
          marks={marks}
          tone={(each) => (each.state === "open" ? undefined : "dim")}
          onEnd={() => void log?.back()}
          newestFirst
          main
        >
          <LogState log={log} what="alerts">
            <Empty title={state === "open" && !filter && !fixed ? "Nothing is open" : "No alert fits"}>
              {filter || fixed || state !== "open" ? "Another state, another time, or fewer filters may show more." : "What rules and modules warn of comes here by itself."}
            </Empty>
          </LogState>
        </Table>
        {rest === "mutes" ? (
          <Mutes turn={turn} onClose={away} />
        ) : opened !== undefined ? (
          <AlertDetails key={opened} id={opened} row={row} shown={shown} onClose={away} onAcknowledge={(alert) => setAsked([alert])} onMute={setMuting} />
        ) : null}
      </div>
      {asked.length ? <AcknowledgeDialog of={asked} onClose={after} /> : null}
      {muting ? <MuteDialog like={muting} onClose={after} /> : null}
    </div>
  );
}

export const alerts: Page = { name: "alerts", title: "Alerts", key: "a", needs: ["alerts"], View };
