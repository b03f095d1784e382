// What one group uses over time. Charts of what it never had (a network, a limit) are left out.
import type { Container, Trace } from "../../lib/feed";
import { bytes, cpu, percent } from "../../lib/format";
import { Charts } from "../../ui/chart";
import { SeriesChart } from "../../ui/series";

interface Props {
  name: string;
  row: Container | undefined; // undefined: it is gone, and all its history is shown
  trace: Trace;
  cpus: number | undefined;
}

export function ItemCharts({ name, row, trace, cpus }: Props) {
  const has = (member: keyof Container) => !row || row[member] !== undefined;
  const at = { group: name, trace };
  return (
    <Charts>
      {has("cpu") ? (
        <SeriesChart
          {...at}
          title="CPU"
          unit="cpu"
          stacked
          of={[
            ["user", "cpu_user", "cpu_user"],
            ["system", "cpu_system", "cpu_system"],
          ]}
          note={row?.cpu_limit ? `limit ${cpu(row.cpu_limit)}` : cpus ? `of ${cpus * 100} %` : undefined}
        />
      ) : null}
      {has("memory") ? (
        <SeriesChart
          {...at}
          title="Memory"
          unit="bytes"
          of={[
            ["working set", "memory", "memory_working_set"],
            ["anonymous", "memory_rss", "memory_rss"],
            ["cache", "memory_cache", "memory_cache"],
            ["swap", "swap", "swap"],
          ]}
          max={row?.memory_limit}
          note={row?.memory_limit ? `limit ${bytes(row.memory_limit)}, ${percent(((row.memory ?? 0) / row.memory_limit) * 100)} used` : undefined}
        />
      ) : null}
      {!row || row.cpu_limit || row.throttled ? (
        <SeriesChart {...at} title="Throttled" unit="percent" of={[["time", "throttled", "cpu_throttled", 100]]} note="waiting for its CPU limit" />
      ) : null}
      {has("psi_cpu") ? (
        <SeriesChart
          {...at}
          title="Pressure"
          unit="percent"
          of={[
            ["CPU", "psi_cpu", "pressure_cpu", 100, 1],
            ["memory", "psi_memory", "pressure_memory", 100, 1],
            ["I/O", "psi_io", "pressure_io", 100, 1],
          ]}
          note="time in which tasks wait"
        />
      ) : null}
      {has("receive") ? (
        <SeriesChart
          {...at}
          title="Network"
          unit="rate"
          of={[
            ["received", "receive", "net_rx"],
            ["sent", "send", "net_tx"],
          ]}
        />
      ) : null}
      {has("read") ? (
        <SeriesChart
          {...at}
          title="Disk"
          unit="rate"
          of={[
            ["read", "read", "io_read"],
            ["written", "write", "io_write"],
          ]}
        />
      ) : null}
      {has("processes") ? <SeriesChart {...at} title="Tasks" unit="count" of={[["tasks", "processes", "pids"]]} max={row?.processes_limit} /> : null}
    </Charts>
  );
}
