import { request, running } from "../../lib/api";
import { processes, processKey, secondsOf, tick, unixOf, type Process } from "../../lib/feed";
import { age, bytes, clock, cpu, duration, plain, rate } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { hrefOf } from "../../lib/route";
import { now } from "../../lib/time";
import { eventText, type WatchEvent } from "../../lib/watch";
import { Details, Facts, Long, mono } from "../../ui/details";
import { Failed, Loading } from "../../ui/empty";
import { Spark } from "../../ui/spark";
import { figuresOf, sameStart, stateText, unitOf, whereOf } from "./model";
import { KillButton, nameOf } from "./kill";

const EVENTS = 25;
const CHILDREN = 20;

function Link({ to }: { to: Process }) {
  return <a href={hrefOf("processes", String(to.pid), { start: String(to.start), q: undefined })}>{nameOf(to)}</a>;
}

function Figure({ title, text, values, max }: { title: string; text: string; values: readonly number[]; max?: number }) {
  return (
    <div class="card">
      <span class="muted">{title}</span>
      <b>{text}</b>
      <Spark values={values} max={max} width={150} height={34} />
    </div>
  );
}

function Recent({ pid, start }: { pid: number; start?: string | number }) {
  const events = useLoad(
    async (abort) => {
      const answer = await request<{ events: WatchEvent[] }>(
        `/v1/modules/watch/events?pid=${pid}&reverse=true&limit=${EVENTS}`,
        { signal: abort },
      );
      return answer.events.filter((event) => sameStart(event.process?.start, start));
    },
    [pid, start],
    10,
  );
  if (events.error && !events.value) return <Failed what="Its events" error={events.error} retry={events.again} />;
  if (!events.value) return <Loading what="its events" />;
  if (!events.value.length) return <p class="muted">None since watch started to keep them.</p>;
  return (
    <>
      <ul class="plain-list">
        {events.value.map((event) => (
          <li key={event.id}>
            <a href={hrefOf("events", String(event.id), { pid: String(pid) })}>{clock(event.time, false).slice(0, 8)}</a>{" "}
            <b>{event.type}</b> <span>{eventText(event)}</span>
          </li>
        ))}
      </ul>
      <a href={hrefOf("events", "", { pid: String(pid) })}>All events of process {pid}</a>
    </>
  );
}

interface Props {
  pid: number;
  process: Process | undefined; // undefined: it does not run (any more)
  start: string | number | undefined; // what the address knows of it
  memoryTotal: number | undefined;
  onClose: () => void;
  onKill: (process: Process) => void;
}

export function ProcessDetails({ pid, process, start, memoryTotal, onClose, onKill }: Props) {
  const watch = running.value.has("watch");
  if (!process)
    return (
      <Details title={`Process ${pid}`} onClose={onClose}>
        <p>There is no such process: it has ended, or another has its number now.</p>
        {watch ? (
          <>
            <h3>What watch has seen of it</h3>
            <Recent key="gone" pid={pid} start={start} />
          </>
        ) : null}
      </Details>
    );
  void tick.value; // the figures below move with the pictures
  const byPid = new Map<number, Process>();
  const children: Process[] = [];
  for (const each of processes.map.values()) {
    byPid.set(each.pid, each);
    if (each.ppid === process.pid && each !== process) children.push(each);
  }
  const above: Process[] = [];
  for (let at = byPid.get(process.ppid ?? -1); at && above.length < 64 && !above.includes(at); at = byPid.get(at.ppid ?? -1)) above.push(at);
  const unit = unitOf(process.group);
  const started = unixOf(process.start);
  return (
    <Details title={nameOf(process)} onClose={onClose}>
      <div class="bar">
        <KillButton of={[process]} onAsk={() => onKill(process)} />
        {process.group ? <a href={hrefOf("containers", process.group)}>Its {process.container ? "container" : "group"}</a> : null}
      </div>
      <div class="figures">
        <Figure title="CPU" text={cpu(process.cpu)} values={figuresOf(process, "cpu")} />
        <Figure title="Memory" text={bytes(process.memory)} values={figuresOf(process, "memory")} />
      </div>
      <Facts
        of={[
          ["Command", process.command_line && <Long key={process.pid} text={process.command_line} />],
          ["Program", mono(process.executable)],
          ["User", process.user ?? process.uid],
          ["Container", process.container ? <a href={hrefOf("containers", process.group ?? process.container)}>{plain(whereOf(process)!)}</a> : ""],
          ["Unit", unit && plain(unit)],
          ["Group", mono(process.group)],
          ["Started", started === undefined ? "" : `${clock(started, true).slice(0, 19)}, ${age(started, now.value)} ago`],
          ["State", stateText(process.state)],
          ["CPU time", process.cpu_time === undefined ? "" : duration(secondsOf(process.cpu_time))],
          ["Threads", process.threads],
          ["Nice, priority", process.nice === undefined ? "" : `${process.nice}, ${process.priority ?? "–"}`],
          [
            "Memory",
            `${bytes(process.memory)}${memoryTotal && process.memory ? ` (${((100 * process.memory) / memoryTotal).toFixed(1)} %)` : ""}, virtual ${bytes(process.virtual)}`,
          ],
          ["Disk", process.read === undefined && process.write === undefined ? "" : `reads ${rate(process.read)}, writes ${rate(process.write)}`],
          ["Network", process.receive === undefined && process.send === undefined ? "" : `receives ${rate(process.receive)}, sends ${rate(process.send)}`],
        ]}
      />
      <h3>Ancestry</h3>
      {above.length ? (
        <ol class="ancestry">
          {above.map((each) => (
            <li key={processKey(each)}>
              <Link to={each} />
            </li>
          ))}
        </ol>
      ) : (
        <p class="muted">It has no parent.</p>
      )}
      {children.length ? (
        <>
          <h3>
            {children.length} {children.length === 1 ? "child" : "children"}
          </h3>
          <ul class="ancestry">
            {children.slice(0, CHILDREN).map((each) => (
              <li key={processKey(each)}>
                <Link to={each} />
              </li>
            ))}
            {children.length > CHILDREN ? <li>and {children.length - CHILDREN} more</li> : null}
          </ul>
        </>
      ) : null}
      {watch ? (
        <>
          <h3>Recent events</h3>
          <Recent pid={process.pid} start={process.start} />
        </>
      ) : null}
    </Details>
  );
}
