// The agent itself: what runs and what it takes, what was asked of it, what it will do, how it is set up.
import { useRef } from "preact/hooks";
import { mayDo, request } from "../../lib/api";
import { bytes, clock, cpu, duration, plain } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { hrefOf, route } from "../../lib/route";
import { Facts } from "../../ui/details";
import { Empty, Failed, Loading } from "../../ui/empty";
import { Switch } from "../../ui/filter";
import { Runs } from "../../ui/runs";
import { Table, type Column } from "../../ui/table";
import type { Page } from "../pages";
import "./agent.css";

interface Service {
  name: string;
  state: string;
  pid?: number;
  memory?: number;
  cpu_time?: number; // ns
  fds?: number;
  threads?: number;
  since?: string;
  since_seconds?: number;
  restarts?: number;
  reason?: string;
  share?: number; // of a CPU, since the last look
}

interface Planned {
  name: string;
  module: string;
  enabled: boolean;
  saved: boolean;
  last?: string;
  next?: string;
  running: boolean;
}

interface Status extends Service {
  version: string;
  state_directory: string;
  uptime_seconds: number;
  services: Service[];
  runs: { running: number; queued: number };
  log: { rows: number; head: string };
  schedule: Planned[];
  alerts_waiting: number;
  counters: Record<string, number>;
  csp_reports?: number;
}

const SERVICES: readonly Column<Service>[] = [
  { id: "name", title: "Service", width: 8, grow: 2, cell: (row) => row.name, value: (row) => row.name },
  { id: "state", title: "State", width: 6, cell: (row) => <span class={row.state === "down" ? "bad-text" : undefined}>{row.state}</span>, value: (row) => row.state },
  { id: "pid", title: "PID", width: 4.5, end: true, priority: 3, cell: (row) => row.pid ?? "", value: (row) => row.pid },
  { id: "cpu", title: "CPU", width: 4.5, end: true, priority: 1, descending: true, cell: (row) => (row.share === undefined ? "" : cpu(row.share)), value: (row) => row.share },
  { id: "memory", title: "Memory", width: 5.5, end: true, descending: true, cell: (row) => (row.memory ? bytes(row.memory) : ""), value: (row) => row.memory },
  { id: "fds", title: "Files", width: 4, end: true, priority: 5, cell: (row) => row.fds ?? "", value: (row) => row.fds },
  { id: "restarts", title: "Restarts", width: 5, end: true, priority: 3, cell: (row) => row.restarts ?? "", value: (row) => row.restarts },
  { id: "for", title: "Since", width: 6, end: true, priority: 4, cell: (row) => (row.since_seconds === undefined ? "" : duration(row.since_seconds)), value: (row) => row.since_seconds },
  { id: "reason", title: "Why", width: 6, grow: 3, priority: 2, cell: (row) => plain(row.reason ?? "") },
];

const when = (time?: string) => (time ? clock(time, true).slice(0, 19) : "");

const PLANNED: readonly Column<Planned>[] = [
  { id: "name", title: "Name", width: 7, grow: 2, cell: (row) => plain(row.name), value: (row) => row.name },
  { id: "module", title: "Module", width: 6, grow: 1, cell: (row) => <a href={hrefOf("investigate", row.module)}>{row.module}</a>, value: (row) => row.module },
  { id: "state", title: "State", width: 5.5, cell: (row) => (row.running ? "running" : row.enabled ? "waits" : "off") },
  { id: "last", title: "Last", width: 12, priority: 2, cell: (row) => when(row.last), value: (row) => row.last },
  { id: "next", title: "Next", width: 12, priority: 1, cell: (row) => when(row.next), value: (row) => row.next },
  { id: "from", title: "From", width: 7, priority: 3, cell: (row) => (row.saved ? "saved" : "configuration") },
];

/** Shares of a CPU: CPU time of two looks. */
function useShares(status: Status | undefined): Service[] {
  const before = useRef(new Map<string, { at: number; time: number; share?: number }>());
  if (!status) return [];
  const all: Service[] = [{ ...status, name: "agent", state: "ready", since_seconds: status.uptime_seconds }, ...status.services];
  return all.map((service) => {
    const key = `${service.name} ${service.pid}`;
    const old = before.current.get(key);
    const [at, time] = [status.uptime_seconds, service.cpu_time ?? 0];
    const share = old && at > old.at ? Math.max(0, (time - old.time) / 1e9 / (at - old.at)) : old?.share;
    if (service.cpu_time !== undefined && (!old || at > old.at)) before.current.set(key, { at, time, share });
    return { ...service, share: service.cpu_time === undefined ? undefined : share };
  });
}

function Log({ status }: { status: Status }) {
  const { value, error, loading, again } = useLoad<{ rows: number; intact: boolean; message: string; head: string }>((abort) => request("/v1/runs/verify", { signal: abort }), []);
  return (
    <>
      <div class="bar" role="status">
        <button type="button" onClick={again}>Verify again</button>
        {error ? <Failed what="The verification" error={error} /> : loading || !value ? <span>Verifying …</span> : (
          <strong class={value.intact ? "good-text" : "bad-text"}>{value.intact ? `✓ intact: ${value.rows} rows` : `⚠ ${plain(value.message)}`}</strong>
        )}
        <span class="muted mono cut">head {status.log.head}</span>
      </div>
      <Runs />
    </>
  );
}

function Configuration() {
  const { value, error } = useLoad<unknown>((abort) => (mayDo("admin") ? request("/v1/config", { signal: abort }) : Promise.resolve(null)), []);
  if (!mayDo("admin")) return <Empty title="The configuration is for admins">Log in with a token of the role admin.</Empty>;
  if (error) return <Failed what="The configuration" error={error} />;
  return value ? <pre class="card" tabIndex={0} aria-label="Configuration">{plain(JSON.stringify(value, null, 2)).replace(/\\u000a/g, "\n")}</pre> : <Loading what="the configuration" />;
}

const TABS = [["services", "Services"], ["runs", "Run log"], ["schedule", "Schedule"], ["configuration", "Configuration"]].map(([value, label]) => ({ value: value!, label: label! }));

function View() {
  const { value: status, error, again } = useLoad<Status>((abort) => request("/v1/status", { signal: abort }), [], 2);
  const services = useShares(status);
  const tab = route.value.query.get("tab") ?? "services";
  if (!status) return <div class="page"><h1>Agent</h1>{error ? <Failed what="The agent's state" error={error} retry={again} /> : <Loading what="the agent's state" />}</div>;
  return (
    <div class="page">
      <div class="bar">
        <h1>Agent</h1>
        <Switch label="Part" word="tab" choices={TABS} />
      </div>
      {tab === "services" ? (
        <>
          <div class="services">
            <Table label="Services" columns={SERVICES} rows={services} rowKey={(row) => row.name} main />
          </div>
          <div class="card">
            <Facts
              of={[
                ["version", status.version],
                ["up", duration(status.uptime_seconds)],
                ["state", <code key="s">{status.state_directory}</code>],
                ["runs", `${status.runs.running} running, ${status.runs.queued} queued, ${status.log.rows} in the log`],
                ["alerts that wait", status.alerts_waiting],
                ["policy reports", status.csp_reports],
                ...Object.entries(status.counters).filter(([, count]) => count).map(([name, count]) => [name.replace(/_/g, " "), count] as const),
              ]}
            />
          </div>
        </>
      ) : tab === "runs" ? <Log status={status} /> : tab === "schedule" ? (
        <div class="services">
          <Table label="Schedule" columns={PLANNED} rows={status.schedule} rowKey={(row) => row.name} main>
            <Empty title="Nothing is scheduled">Save a run with a time on the page Investigate, or write it into the configuration.</Empty>
          </Table>
        </div>
      ) : <Configuration />}
    </div>
  );
}

export const agent: Page = { name: "agent", title: "Agent", key: "s", needs: [], View };
