// Containers and services by what they cost, and what runs under which engine.
import { useComputed } from "@preact/signals";
import { containers, host, sparkOf, tick, type Container } from "../../lib/feed";
import { bytes, cpu, plain, rate } from "../../lib/format";
import { pathOf, titleOf, workloads } from "../../lib/groups";
import { hrefOf, route, setQuery } from "../../lib/route";
import { Card } from "../../ui/card";
import { Parts } from "../../ui/gauge";
import { Spark } from "../../ui/spark";

const ORDERS = {
  cpu: { title: "CPU", of: (row: Container) => row.cpu ?? 0 },
  memory: { title: "Memory", of: (row: Container) => row.memory ?? 0 },
  network: { title: "Network", of: (row: Container) => (row.receive ?? 0) + (row.send ?? 0) },
  io: { title: "Disk", of: (row: Container) => (row.read ?? 0) + (row.write ?? 0) },
} as const;
type Order = keyof typeof ORDERS;
const orderOf = (): Order => {
  const by = route.value.query.get("by") ?? "";
  return Object.keys(ORDERS).includes(by) ? (by as Order) : "cpu";
};
const SHOWN = 12;

export function Costly() {
  const by = orderOf();
  const order = ORDERS[by];
  const top = useComputed(() => {
    void tick.value; // sparklines move also when no figure changes
    const rows = workloads(containers.all);
    const { of } = ORDERS[orderOf()];
    return { all: rows.length, rows: rows.sort((a, b) => of(b) - of(a) || (b.memory ?? 0) - (a.memory ?? 0)).slice(0, SHOWN) };
  });
  const { rows, all } = top.value;
  return (
    <Card class="listing costly" title="Containers and services by cost" more={<a href={hrefOf("containers")}>all {all}</a>}>
      {rows.length ? (
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              {(Object.keys(ORDERS) as Order[]).map((each) => (
                <th key={each} scope="col" class={`num costly-${each}`} aria-sort={each === by ? "descending" : "none"}>
                  <button type="button" class="quiet" onClick={() => setQuery({ by: each === "cpu" ? undefined : each })}>
                    {ORDERS[each].title}
                    {ORDERS[each] === order ? " ↓" : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row" class="costly-name">
                  <a href={hrefOf("containers", pathOf(row.name))} class="cut" title={plain(row.name)}>
                    {titleOf(row)}
                  </a>
                  <span class="muted cut">{row.image ? plain(row.image) : row.kind === "unit" ? "service" : (row.engine ?? plain(row.name))}</span>
                </th>
                <td class="num costly-cpu">
                  <span class="sparked">
                    <Spark values={sparkOf(row.name, "cpu")} />
                    <span>{cpu(row.cpu)}</span>
                  </span>
                </td>
                <td class="num costly-memory">{bytes(row.memory)}</td>
                <td class="num costly-network">{row.receive === undefined ? "–" : rate((row.receive ?? 0) + (row.send ?? 0))}</td>
                <td class="num costly-io">{row.read === undefined ? "–" : rate((row.read ?? 0) + (row.write ?? 0))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="muted">No container and no service runs here.</p>
      )}
    </Card>
  );
}

interface Share {
  title: string;
  tone: number;
  count: number;
  cpu: number;
  memory: number;
  href?: string;
}

export function RunsWhere() {
  const shares = useComputed<Share[]>(() => {
    const groups = new Map<string, Share>();
    const add = (title: string, row: Container, query: Record<string, string | undefined>) => {
      let share = groups.get(title);
      if (!share) groups.set(title, (share = { title, tone: 0, count: 0, cpu: 0, memory: 0, href: hrefOf("containers", "", query) }));
      share.count++;
      share.cpu += row.cpu ?? 0;
      share.memory += row.memory ?? 0;
    };
    for (const row of workloads(containers.all)) {
      if (row.kind === "container") add(row.engine ?? "containers", row, { q: row.engine, kind: "container" });
      else if (row.kind === "unit") add(row.name.startsWith("/user.slice") ? "user sessions" : "system services", row, { kind: "unit" });
      else add("other groups", row, { kind: "group" });
    }
    const found = [...groups.values()].sort((a, b) => b.cpu + b.memory / 2 ** 32 - a.cpu - a.memory / 2 ** 32);
    const now = host.value;
    if (now?.cpu !== undefined) {
      const sum = (of: "cpu" | "memory") => found.reduce((all, share) => all + share[of], 0);
      const used = (now.memory_total ?? 0) - (now.memory_available ?? 0);
      found.push({ title: "everything else", tone: 8, count: 0, cpu: Math.max(0, now.cpu - sum("cpu")), memory: Math.max(0, used - sum("memory")) });
    }
    return found.map((share, place) => ({ ...share, tone: share.tone || Math.min(place + 1, 5) }));
  });
  const list = shares.value;
  const now = host.value;
  const bar = (of: "cpu" | "memory", whole: number, text: (share: Share) => string) => (
    <Parts
      label={`${of === "cpu" ? "CPU" : "Memory"}: ${list.map((share) => `${share.title} ${text(share)}`).join(", ")}`}
      whole={whole}
      parts={list.map((share) => ({ label: `${share.title} ${text(share)}`, value: share[of], tone: share.tone }))}
    />
  );
  return (
    <Card class="listing" title="What runs where">
      <div class="where-bars">
        <span>CPU</span>
        {bar("cpu", now?.cpus ?? 1, (share) => cpu(share.cpu))}
        <span>Memory</span>
        {bar("memory", now?.memory_total ?? 1, (share) => bytes(share.memory))}
      </div>
      <table class="where">
        <tbody>
          {list.map((share) => (
            <tr key={share.title}>
              <td class="cut">
                <svg class={`swatch tone-${share.tone}`} width="14" height="10" aria-hidden="true">
                  <rect width="10" height="10" rx="2" />
                </svg>{" "}
                {share.href ? (
                  <a href={share.href}>
                    {plain(share.title)} ({share.count})
                  </a>
                ) : (
                  share.title
                )}
              </td>
              <td class="num listing-figure">{cpu(share.cpu)}</td>
              <td class="num listing-figure">{bytes(share.memory)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
