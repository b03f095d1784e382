// What is in a group: its processes, what they did, and the groups below.
import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { request } from "../../lib/api";
import { containers, holdFeed, processes, processKey, ready, type Container, type Process } from "../../lib/feed";
import { bytes, clock, cpu, plain } from "../../lib/format";
import { parentOf, pathOf, titleOf } from "../../lib/groups";
import { useLoad } from "../../lib/load";
import { hrefOf } from "../../lib/route";
import { eventText, type WatchEvent } from "../../lib/watch";
import { Card } from "../../ui/card";
import { Failed } from "../../ui/empty";

const ROWS = 15;

const commandOf = (process: Process): string => plain(process.command_line || process.executable || `[${process.name ?? ""}]`);

export function Processes({ name }: { name: string }) {
  useEffect(() => holdFeed("processes"), []);
  const inside = useComputed(() => {
    if (!ready.value.has("processes")) return null;
    const below = name === "/" ? "/" : `${name}/`;
    const all = [...processes.all.values()].filter(({ group }) => group !== undefined && (group === name || group.startsWith(below)));
    return { count: all.length, rows: all.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0) || (b.memory ?? 0) - (a.memory ?? 0)).slice(0, ROWS) };
  });
  const found = inside.value;
  return (
    <Card class="listing" title="Processes" more={found?.count ? <a href={hrefOf("processes", "", { group: name })}>all {found.count}</a> : null}>
      {!found ? (
        <p class="muted">Loading …</p>
      ) : found.count === 0 ? (
        <p class="muted">None runs in it now.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col" class="num listing-pid">
                PID
              </th>
              <th scope="col">Command</th>
              <th scope="col" class="listing-user">
                User
              </th>
              <th scope="col" class="num listing-figure">
                CPU
              </th>
              <th scope="col" class="num listing-figure">
                Memory
              </th>
            </tr>
          </thead>
          <tbody>
            {found.rows.map((process) => (
              <tr key={processKey(process)}>
                <td class="num">
                  <a href={hrefOf("processes", String(process.pid), { start: String(process.start) })}>{process.pid}</a>
                </td>
                <td class="cut" title={commandOf(process)}>
                  {commandOf(process)}
                </td>
                <td class="cut listing-user">{plain(process.user ?? String(process.uid ?? ""))}</td>
                <td class="num">{cpu(process.cpu)}</td>
                <td class="num">{bytes(process.memory)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

/** watch knows containers and units, not groups. */
export function Events({ row }: { row: Container | undefined }) {
  const container = row?.kind === "container" ? row.id || row.alias : undefined;
  const events = useLoad(
    async (abort) =>
      container
        ? (await request<{ events: WatchEvent[] }>(`/v1/modules/watch/events?container=${encodeURIComponent(container)}&reverse=true&limit=${ROWS}`, { signal: abort })).events
        : [],
    [container],
    5,
  );
  if (!container) return null;
  const list = events.value;
  return (
    <Card class="listing" title="Events" more={<a href={hrefOf("events", "", { container })}>all</a>}>
      {events.error && !list ? (
        <Failed what="Its events" error={events.error} retry={events.again} />
      ) : !list ? (
        <p class="muted">Loading …</p>
      ) : list.length === 0 ? (
        <p class="muted">watch has kept none of this container.</p>
      ) : (
        <table>
          <tbody>
            {list.map((event) => (
              <tr key={event.id}>
                <td class="num listing-time">
                  <a href={hrefOf("events", String(event.id), { container })}>{clock(event.time).slice(0, 8)}</a>
                </td>
                <td class="listing-type">{event.type}</td>
                <td class="cut">{eventText(event)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

export function Below({ name }: { name: string }) {
  const below = useComputed(() => {
    const all = containers.all;
    const rows = [...all.values()].filter((row) => row.name !== name && parentOf(row.name, (each) => all.has(each)) === name);
    return { count: rows.length, rows: rows.sort((a, b) => (b.cpu ?? 0) - (a.cpu ?? 0) || (b.memory ?? 0) - (a.memory ?? 0)).slice(0, ROWS) };
  });
  const { count, rows } = below.value;
  if (!count) return null;
  return (
    <Card class="listing" title="Groups in it" more={<a href={hrefOf("containers", "", { q: pathOf(name) })}>all {count}</a>}>
      <table>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <td class="cut">
                <a href={hrefOf("containers", pathOf(row.name))}>{titleOf(row)}</a>
              </td>
              <td class="num listing-figure">{cpu(row.cpu)}</td>
              <td class="num listing-figure">{bytes(row.memory)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
