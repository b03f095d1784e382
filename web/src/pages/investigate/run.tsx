// One run: its state, rows as they come, errors and statistics.
import { computed, signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { request, stream, type ApiError } from "../../lib/api";
import { duration, plain } from "../../lib/format";
import { AllowedButton } from "../../ui/allowed";
import { Details, Facts } from "../../ui/details";
import { Empty, Failed, Loading } from "../../ui/empty";
import { CopyCsv, Table, type Column } from "../../ui/table";
import { toast, toastError } from "../../ui/toast";

interface Row {
  key: string;
  where: string; // group and label, where the module's result has them
  values: ReadonlyMap<string, unknown>; // by path: "fileinfo.size"
}

const ROWS_MAX = 100_000;
const SHOWN_COLUMNS = 12;

function flat(value: unknown, path: string, out: Map<string, unknown>): Map<string, unknown> {
  if (value !== null && typeof value === "object" && !Array.isArray(value))
    for (const [name, each] of Object.entries(value)) flat(each, path ? `${path}.${name}` : name, out);
  else out.set(path || "value", value);
  return out;
}

export const textOf = (value: unknown): string =>
  value === undefined || value === null ? "" : Array.isArray(value) ? value.map(textOf).join(" ") : plain(typeof value === "object" ? JSON.stringify(value) : String(value));

/** Columns of what the rows hold; those that are empty or the same in all of them are left out: the details have them. */
function columnsOf(rows: readonly Row[]): Column<Row>[] {
  const wide = new Map<string, { width: number; number: boolean; texts: Set<string> }>();
  for (const { values } of rows.slice(0, 300))
    for (const [path, value] of values) {
      const text = textOf(value);
      const { width, number, texts } = wide.get(path) ?? { width: 0, number: true, texts: new Set<string>() };
      if (text) wide.set(path, { width: Math.max(width, text.length), number: number && typeof value === "number", texts: texts.add(text) });
    }
  const telling = [...wide].filter(([, { texts }]) => texts.size > 1);
  const columns: Column<Row>[] = (telling.length ? telling : [...wide]).slice(0, SHOWN_COLUMNS).map(([path, { width, number }], at) => ({
    id: path,
    title: path.replace(/.*\./, ""),
    hint: path,
    width: Math.min(14, Math.max(4, width * 0.55, path.length * 0.5)),
    grow: number ? undefined : Math.min(6, Math.ceil(width / 12)),
    end: number,
    priority: at,
    cell: ({ values }) => textOf(values.get(path)),
    value: ({ values }) => {
      const value = values.get(path);
      return typeof value === "number" || value === undefined || value === null ? (value ?? undefined) : textOf(value);
    },
  }));
  if (new Set(rows.map(({ where }) => where)).size > 1) columns.unshift({ id: "label", title: "label", width: 5, cell: ({ where }) => plain(where), value: ({ where }) => where });
  return columns;
}

/** Follows a run's events; rows are told in batches, so that a fast run does not draw at each. */
function follow(id: string) {
  const rows = signal<readonly Row[]>([]);
  const state = signal<{ done?: Record<string, unknown>; statistics?: unknown; notes: string[]; dropped: number; failure?: ApiError }>({ notes: [], dropped: 0 });
  let waiting: Row[] = [];
  let count = 0;
  const flush = () => {
    if (waiting.length) rows.value = [...rows.value, ...waiting];
    waiting = [];
  };
  const timer = setInterval(flush, 200);
  const note = (text: string) => (state.value = { ...state.value, notes: [...state.value.notes.slice(-199), text] });
  const close = stream(`/v1/runs/${id}/events`, {
    once: true,
    event: ({ event, data }) => {
      const told = JSON.parse(data);
      if (event === "row" && count >= ROWS_MAX) state.value = { ...state.value, dropped: state.value.dropped + 1 };
      else if (event === "row") waiting.push({ key: String(count++), where: [told.group, told.label].filter(Boolean).join("/"), values: flat(told.row, "", new Map()) });
      else if (event === "statistics") state.value = { ...state.value, statistics: told };
      else if (event === "error") note(told.message);
      else if (event === "skipped") note(`skipped ${told.path}: ${told.reason}`);
      else if (event === "done") {
        flush();
        state.value = { ...state.value, done: told };
      }
    },
    state: (failure) => {
      if (failure && !state.value.done) state.value = { ...state.value, failure };
    },
  });
  return {
    rows,
    state,
    columns: computed(() => columnsOf(rows.value)),
    close: () => {
      clearInterval(timer);
      close();
    },
  };
}

interface Logged {
  run: string;
  state: string;
  identity: string;
  started: string;
  summary?: { took_ms?: number; cpu_us?: number; peak?: number };
}

export function RunResult({ id }: { id: string }) {
  const run = useMemo(() => follow(id), [id]);
  useLayoutEffect(() => run.close, [run]);
  const { done, statistics, notes, dropped, failure } = run.state.value;
  const rows = run.rows.value;
  const [logged, setLogged] = useState<Logged>();
  useEffect(() => {
    const abort = new AbortController(); // the first answer may be the last that comes
    void request<Logged>(`/v1/runs/${id}`, { signal: abort.signal }).then(setLogged, () => undefined);
    return () => abort.abort();
  }, [done !== undefined]);
  const [opened, open] = useState<Row>();
  if (failure && !rows.length) return <Failed what="The run" error={failure} />;
  const verdict = !done ? "runs" : !done.success ? "failed" : done.partial ? `partial: ${textOf(done.partial)}` : done.foundanything ? "found something" : "found nothing";
  const stop = () => request(`/v1/runs/${id}`, { method: "DELETE" }).then(() => toast("The run was told to stop"), (error) => toastError(error, "Stop"));
  const single = rows.length === 1 ? rows[0] : undefined;
  const numbers = flat(statistics ?? {}, "", new Map());
  return (
    <>
      <div class="bar" role="status">
        <strong>{verdict}</strong>
        <span class="muted">
          {rows.length} {rows.length === 1 ? "row" : "rows"}
          {dropped ? `, ${dropped} more not kept here` : ""}
          {logged?.summary?.took_ms !== undefined ? `, took ${duration(logged.summary.took_ms / 1000)}` : ""}
          {logged ? `, asked by ${plain(logged.identity)}` : ""}
        </span>
        {done ? null : <AllowedButton role="investigator" doing="stopping a run" class="danger" onPress={() => void stop()}>Stop</AllowedButton>}
        {rows.length > 1 ? <CopyCsv columns={run.columns.value} rows={rows} /> : null}
      </div>
      {notes.length ? (
        <details open={done?.success === false}>
          <summary>{notes.length} errors and places that were skipped</summary>
          <ul class="notes">{notes.map((text, at) => <li key={at}>{plain(text)}</li>)}</ul>
        </details>
      ) : null}
      {single ? (
        <div class="card"><Facts of={[...single.values].map(([path, value]) => [path, textOf(value)] as const)} /></div>
      ) : (
        <div class="split result">
          <Table label="Results" columns={run.columns.value} rows={rows} rowKey={(row) => row.key} sortWord={null} opened={opened?.key} onOpen={open} main>
            {done ? <Empty title="Nothing was found" /> : <Loading what="results" />}
          </Table>
          {opened ? (
            <Details title={opened.where || "Row"} onClose={() => open(undefined)}>
              <Facts of={[...opened.values].map(([path, value]) => [path, textOf(value)] as const)} />
            </Details>
          ) : null}
        </div>
      )}
      {numbers.size ? (
        <details>
          <summary>Statistics</summary>
          <Facts of={[...numbers].map(([path, value]) => [path, textOf(value)] as const)} />
        </details>
      ) : null}
    </>
  );
}
