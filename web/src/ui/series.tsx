// A chart of figures of the feed and of the history of one group.
import type { Trace } from "../lib/feed";
import { useSeries } from "../lib/history";
import { Chart, type ChartProps } from "./chart";

/** Metric of the history ("": it keeps none of it), what that is multiplied with, and the same for the feed's member. */
export type SeriesLine = readonly [label: string, member: string, metric: string, scale?: number, live?: number, color?: number];

interface SeriesChartProps extends Omit<ChartProps, "lines" | "data"> {
  group: string; // path; "/" is the host
  trace: Trace;
  of: readonly SeriesLine[];
}

export function SeriesChart({ group, trace, of, ...rest }: SeriesChartProps) {
  const sources = of.map(([, member, metric, scale = 1, live = scale]) => ({
    query: metric && `${metric}{cgroup=${JSON.stringify(group)}}`,
    scale,
    live,
    trace,
    member,
  }));
  const data = useSeries(sources, `${group} ${rest.title} ${sources[0]!.live}`);
  return <Chart {...rest} lines={of.map(([label, , , , , color]) => ({ label, color }))} data={data} />;
}
