// The host over time.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { request, running } from "../../lib/api";
import { besides, host, hostTrace } from "../../lib/feed";
import { percent } from "../../lib/format";
import { useSeries, type Source } from "../../lib/history";
import { useLoad } from "../../lib/load";
import { hrefOf } from "../../lib/route";
import { Chart, Charts, type ChartLine } from "../../ui/chart";
import type { Unit } from "../../lib/unit";

/** The history knows the host as the group "/". */
const line = (member: string, metric = "", scale = 1, live = scale): Source => ({
  query: metric && `${metric}{cgroup="/"}`,
  scale,
  trace: hostTrace,
  member,
  live,
});

interface HostChartProps {
  title: string;
  sources: readonly Source[];
  lines: readonly ChartLine[];
  unit: Unit;
  stacked?: boolean;
  max?: number;
  note?: ComponentChildren;
}

const HostChart = ({ sources, ...rest }: HostChartProps) => <Chart {...rest} data={useSeries(sources, `${rest.title} ${sources[0]!.live}`)} />;

/** Executions a second, from watch's counter. */
function Execs() {
  const last = useRef<{ execs: number; time: number }>();
  useLoad(
    async (abort) => {
      const { watch } = await request<{ watch?: { execs?: number } }>("/v1/modules/watch/status", { signal: abort });
      const [now, before] = [watch?.execs === undefined ? undefined : { execs: watch.execs, time: performance.now() / 1000 }, last.current];
      besides.execs = now && before && now.execs >= before.execs ? (now.execs - before.execs) / (now.time - before.time) : undefined;
      last.current = now;
    },
    [],
    2,
  );
  useEffect(() => () => void (besides.execs = undefined), []);
  return (
    <HostChart
      title="Executions a second"
      unit="count"
      sources={[line("execs"), line("forks")]}
      lines={[{ label: "executions" }, { label: "forks, threads too" }]}
      note={<a href={hrefOf("events", "", { type: "exec" })}>events</a>}
    />
  );
}

export function VitalCharts({ children }: { children?: ComponentChildren }) {
  const cpus = host.value?.cpus || 1;
  const total = host.value?.memory_total;
  const share = 100 / cpus;
  const pressure = host.value?.psi_cpu !== undefined;
  return (
    <Charts>
      <HostChart
        title="CPU"
        unit="percent"
        stacked
        max={100}
        sources={[line("cpu_user", "cpu_user", share), line("cpu_system", "cpu_system", share), line("cpu_iowait", "", share), line("cpu_steal", "", share)]}
        lines={[{ label: "user" }, { label: "system" }, { label: "I/O wait", color: 5 }, { label: "stolen", color: 8 }]}
        note={`of ${cpus === 1 ? "one CPU" : `${cpus} CPUs`}`}
      />
      <HostChart
        title="Memory"
        unit="bytes"
        max={total}
        sources={[line("memory_used", "memory_working_set"), line("memory_cached", "memory_cache"), line("swap_used", "swap")]}
        lines={[{ label: "used" }, { label: "cache" }, { label: "swap" }]}
      />
      {pressure ? (
        <HostChart
          title="Pressure"
          unit="percent"
          sources={[line("psi_cpu", "pressure_cpu", 100, 1), line("psi_memory", "pressure_memory", 100, 1), line("psi_io", "pressure_io", 100, 1)]}
          lines={[{ label: "CPU" }, { label: "memory" }, { label: "I/O" }]}
          note="time in which tasks wait"
        />
      ) : null}
      <HostChart
        title="Network"
        unit="rate"
        sources={[line("receive", "net_rx"), line("send", "net_tx")]}
        lines={[{ label: "received" }, { label: "sent" }]}
      />
      <HostChart title="Disks" unit="rate" sources={[line("read", "io_read"), line("write", "io_write")]} lines={[{ label: "read" }, { label: "written" }]} />
      {running.value.has("watch") ? <Execs /> : null}
      <HostChart
        title="Load"
        unit="load"
        sources={[line("load1"), line("load5"), line("load15")]}
        lines={[{ label: "1 min" }, { label: "5 min" }, { label: "15 min" }]}
        note={`${percent(((host.value?.load1 ?? 0) / cpus) * 100)} of the CPUs`}
      />
      {children}
    </Charts>
  );
}
