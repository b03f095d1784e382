// What one group uses over time. Charts of what it never had (a network, a limit) are left out.
import type { Container, Trace } from "../../lib/feed";
import { bytes, cpu, percent } from "../../lib/format";
import { useSeries, type Source } from "../../lib/history";
import type { Unit } from "../../lib/unit";
import { Chart, Charts, type ChartLine } from "../../ui/chart";
import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  row: Container | undefined; // undefined: it is gone, and all its history is shown
  trace: Trace;
  cpus: number | undefined;
}

interface OneProps {
  of: Props;
  title: string;
  unit: Unit;
  /** Label, metric of the history, member of the feed, what the history is multiplied with. */
  parts: readonly (readonly [label: string, metric: string, member: string, scale?: number, live?: number])[];
  stacked?: boolean;
  max?: number;
  note?: ComponentChildren;
}


function One({ of, parts, ...rest }: OneProps) {
  const sources: Source[] = parts.map(([, metric, member, scale, live]) => ({
    query: metric && `${metric}{cgroup=${JSON.stringify(of.name)}}`,
    scale,
    live: live ?? 1,
    trace: of.trace,
    member,
  }));
  const lines: ChartLine[] = parts.map(([label]) => ({ label }));
  return <Chart {...rest} lines={lines} data={useSeries(sources, `${of.name} ${rest.title}`)} />;
}

export function ItemCharts(props: Props) {
  const { row, cpus } = props;
  const has = (...members: (keyof Container)[]) => !row || members.some((member) => row[member] !== undefined);
  return (
    <Charts>
      {has("cpu") ? (
        <One
          of={props}
          title="CPU"
          unit="cpu"
          stacked
          parts={[
            ["user", "cpu_user", "cpu_user"],
            ["system", "cpu_system", "cpu_system"],
          ]}
          note={row?.cpu_limit ? `limit ${cpu(row.cpu_limit)}` : cpus ? `of ${cpus * 100} %` : undefined}
        />
      ) : null}
      {has("memory") ? (
        <One
          of={props}
          title="Memory"
          unit="bytes"
          parts={[
            ["working set", "memory_working_set", "memory"],
            ["anonymous", "memory_rss", "memory_rss"],
            ["cache", "memory_cache", "memory_cache"],
            ["swap", "swap", "swap"],
          ]}
          max={row?.memory_limit}
          note={row?.memory_limit ? `limit ${bytes(row.memory_limit)}, ${percent(((row.memory ?? 0) / row.memory_limit) * 100)} used` : undefined}
        />
      ) : null}
      {!row || row.cpu_limit || row.throttled ? (
        <One of={props} title="Throttled" unit="percent" parts={[["time", "cpu_throttled", "throttled", 100, 100]]} note="waiting for its CPU limit" />
      ) : null}
      {has("psi_cpu", "psi_memory", "psi_io") ? (
        <One
          of={props}
          title="Pressure"
          unit="percent"
          parts={[
            ["CPU", "pressure_cpu", "psi_cpu", 100],
            ["memory", "pressure_memory", "psi_memory", 100],
            ["I/O", "pressure_io", "psi_io", 100],
          ]}
          note="time in which its tasks wait"
        />
      ) : null}
      {has("receive", "send") ? (
        <One
          of={props}
          title="Network"
          unit="rate"
          parts={[
            ["received", "net_rx", "receive"],
            ["sent", "net_tx", "send"],
          ]}
        />
      ) : null}
      {has("read", "write") ? (
        <One
          of={props}
          title="Disk"
          unit="rate"
          parts={[
            ["read", "io_read", "read"],
            ["written", "io_write", "write"],
          ]}
        />
      ) : null}
      {has("processes") ? <One of={props} title="Tasks" unit="count" parts={[["tasks", "pids", "processes"]]} max={row?.processes_limit} /> : null}
    </Charts>
  );
}
