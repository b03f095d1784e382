// The host over time.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { request, running } from "../../lib/api";
import { besides, host, hostTrace, traceContainer } from "../../lib/feed";
import { percent } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { hrefOf } from "../../lib/route";
import { paused } from "../../lib/time";
import { Charts } from "../../ui/chart";
import { SeriesChart } from "../../ui/series";

const at = { group: "/", trace: hostTrace };

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
    <SeriesChart
      {...at}
      title="Executions a second"
      unit="count"
      of={[
        ["executions, from now on", "execs", ""],
        ["forks, threads too", "forks", "forks"],
      ]}
      note={<a href={hrefOf("events", "", { type: "exec" })}>events</a>}
    />
  );
}

export function VitalCharts({ children }: { children?: ComponentChildren }) {
  // of memory the history knows what it knows of any group, which is not what the host calls used
  const [root, release] = useMemo(() => traceContainer("/"), []);
  useEffect(() => release, []);
  const now = host.value;
  const cpus = now?.cpus || 1;
  const share = 100 / cpus;
  return (
    <Charts>
      <SeriesChart
        {...at}
        title="CPU"
        unit="percent"
        stacked
        max={100}
        of={[
          ["user", "cpu_user", "cpu_user", share],
          ["system", "cpu_system", "cpu_system", share],
          ["I/O wait", "cpu_iowait", "cpu_iowait", share, share, 5],
          ["stolen", "cpu_steal", "cpu_steal", share, share, 8],
        ]}
        note={cpus === 1 ? "of one CPU" : `of ${cpus} CPUs`}
      />
      <SeriesChart
        {...at}
        title="Memory"
        unit="bytes"
        max={now?.memory_total}
        trace={root}
        of={[
          ["working set", "memory", "memory_working_set"],
          ["cache", "memory_cache", "memory_cache"],
          ["swap", "swap", "swap"],
        ]}
      />
      {now?.psi_cpu === undefined ? null : (
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
      )}
      <SeriesChart
        {...at}
        title="Network"
        unit="rate"
        of={[
          ["received", "receive", "net_rx"],
          ["sent", "send", "net_tx"],
        ]}
      />
      <SeriesChart
        {...at}
        title="Disks"
        unit="rate"
        of={[
          ["read", "read", "io_read"],
          ["written", "write", "io_write"],
        ]}
      />
      {running.value.has("watch") ? <Execs /> : null}
      <SeriesChart
        {...at}
        title="Load"
        unit="load"
        of={[
          ["1 min", "load1", "load"],
          ["5 min", "load5", "load5"],
          ["15 min", "load15", "load15"],
        ]}
        note={paused.value ? "" : `${percent(((now?.load1 ?? 0) / cpus) * 100)} of the CPUs`}
      />
      {children}
    </Charts>
  );
}
