// The run log, newest first: who asked what and how it ended.
import { request } from "../lib/api";
import { bytes, clock, duration, plain } from "../lib/format";
import { useLoad } from "../lib/load";
import { go } from "../lib/route";
import { Empty, Failed, Loading } from "./empty";
import { Table, type Column } from "./table";

interface Logged {
  run: string;
  module: string;
  state: string;
  identity: string;
  started: string;
  asked?: { parameters?: unknown };
  summary?: { found?: boolean; success?: boolean; partial?: string; rows?: number; took_ms?: number; peak?: number };
}

const resultOf = ({ state, summary }: Logged): string =>
  state !== "completed" || !summary ? state : !summary.success ? "failed" : summary.partial ? "partial" : summary.found ? "found" : "nothing";

const COLUMNS: readonly Column<Logged>[] = [
  { id: "started", title: "Started", width: 13, cell: (row) => clock(row.started, true).slice(0, 19), narrow: { title: "Started", width: 5, cell: (row) => clock(row.started).slice(0, 8) }, text: (row) => row.started },
  { id: "module", title: "Module", width: 6, grow: 1, cell: (row) => row.module },
  { id: "result", title: "Result", width: 5, cell: resultOf, text: resultOf },
  { id: "rows", title: "Rows", width: 4, end: true, priority: 2, cell: (row) => row.summary?.rows ?? "" },
  { id: "took", title: "Took", width: 4.5, end: true, priority: 3, cell: (row) => (row.summary?.took_ms === undefined ? "" : duration(row.summary.took_ms / 1000)) },
  { id: "peak", title: "Memory", width: 5, end: true, priority: 5, cell: (row) => bytes(row.summary?.peak) },
  { id: "who", title: "Asked by", width: 9, grow: 1, priority: 4, cell: (row) => plain(row.identity) },
];

export function Runs({ module }: { module?: string }) {
  const path = `/v1/runs?limit=200${module ? `&module=${encodeURIComponent(module)}` : ""}`;
  const { value, error, again } = useLoad<{ runs: Logged[] }>((abort) => request(path, { signal: abort }), [path], 5);
  if (error && !value) return <Failed what="The run log" error={error} retry={again} />;
  const open = (row: Logged) => {
    const asked = row.asked?.parameters;
    go("investigate", `${row.module}/${row.run}`, { p: asked ? JSON.stringify(asked) : undefined });
  };
  return (
    <div class="runs">
      <Table label="Runs" columns={COLUMNS} rows={value?.runs ?? []} rowKey={(row) => row.run} sortWord={null} onOpen={open}>
        {value ? <Empty title="No run yet" /> : <Loading what="runs" />}
      </Table>
    </div>
  );
}
