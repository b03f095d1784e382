import type { ComponentChildren } from "preact";
import { request } from "../../lib/api";
import { bytes, clock, duration, plain } from "../../lib/format";
import { secondsOf } from "../../lib/feed";
import { useLoad } from "../../lib/load";
import { hrefOf, route } from "../../lib/route";
import { containerName, eventText, SIGNALS, type Ancestor, type WatchEvent } from "../../lib/watch";
import { Severity } from "../../ui/badge";
import { Details, Facts, Long } from "../../ui/details";
import { Failed, Loading } from "../../ui/empty";

/** A link that adds a word to the filter. */
function Only({ word, value, children }: { word: string; value: string; children?: ComponentChildren }) {
  const query = Object.fromEntries(route.value.query);
  return (
    <a href={hrefOf("events", "", { ...query, [word]: value })} title={`Only events with this ${word}`}>
      {children ?? plain(value)}
    </a>
  );
}

const Mono = ({ text }: { text: string }) => <span class="mono">{plain(text)}</span>;

function Step({ of, start }: { of: Ancestor; start?: string }) {
  const name = of.comm || of.exe || "?";
  return (
    <>
      <a href={hrefOf("processes", String(of.pid), { start })} title="The process, if it still runs">
        {plain(name)} ({of.pid})
      </a>
      {of.exec_id ? (
        <>
          {" "}
          <Only word="ancestor" value={of.exec_id}>
            all below it
          </Only>
        </>
      ) : null}
      {of.exe ? <div class="muted mono clip">{plain(of.exe)}</div> : null}
    </>
  );
}

const id = (value: number | undefined): string | undefined => (value === undefined ? undefined : value === 4_294_967_295 ? "unset" : String(value));

export function EventDetails({ id: wanted, onClose }: { id: number; onClose: () => void }) {
  const found = useLoad(
    async (abort) => {
      const answer = await request<{ events: WatchEvent[] }>(`/v1/modules/watch/events?after=${wanted - 1}&limit=1`, { signal: abort });
      return answer.events.find((event) => event.id === wanted) ?? null;
    },
    [wanted],
  );
  const event = found.value;
  if (!event)
    return (
      <Details title={`Event ${wanted}`} onClose={onClose}>
        {found.error ? (
          <Failed what="The event" error={found.error} retry={found.again} />
        ) : event === null ? (
          <p>It is not kept any more: the store has a size and an age at which the oldest go.</p>
        ) : (
          <Loading what="the event" />
        )}
      </Details>
    );
  const { process, exit, object, user, audit, gap } = event;
  const container = process?.container;
  return (
    <Details title={`${event.type} ${process?.comm ? plain(process.comm) : ""}`} onClose={onClose}>
      {gap ? <p class="lost">{eventText(event)}</p> : null}
      {(event.alerts ?? []).map((alert, at) => (
        <p key={at} class="notice">
          <Severity level={alert.severity ?? "medium"} /> {plain(alert.alert ?? alert.summary ?? "")} <Only word="tag" value={alert.rule ?? ""} />
        </p>
      ))}
      <Facts
        of={[
          ["Time", clock(event.time, true)],
          ["Event", `${event.id}, from ${event.source ?? "?"}${event.synthetic ? ", found in /proc" : ""}${event.late ? ", late" : ""}`],
          ["Arguments", process?.argv?.length ? <Long key={event.id} text={process.argv.join(" ")} /> : ""],
          ["Program", process?.exe ? <Only word="exe" value={process.exe}><Mono text={process.exe} /></Only> : ""],
          ["Directory", process?.cwd && <Mono text={process.cwd} />],
          [
            "Process",
            process && (
              <>
                <a href={hrefOf("processes", String(process.pid), { start: process.start })}>{process.pid}</a>{" "}
                <Only word="pid" value={String(process.pid)}>
                  its events
                </Only>{" "}
                {process.exec_id ? (
                  <Only word="ancestor" value={process.exec_id}>
                    all below it
                  </Only>
                ) : null}
              </>
            ),
          ],
          ["Started", process?.start && clock(process.start, true)],
          [
            "Container",
            container && (
              <>
                <Only word="container" value={containerName(container)} /> <span class="muted">{[container.engine, container.image, container.attribution].filter(Boolean).map((each) => plain(each!)).join(", ")}</span>
              </>
            ),
          ],
          ["Unit", process?.unit && plain(process.unit)],
          ["User", process?.uid === undefined ? "" : <><Only word="user" value={String(process.uid)} />{process.euid !== process.uid ? `, effective ${process.euid}` : ""}, group {id(process.gid)}</>],
          ["Logged in as", id(process?.auid)],
          ["Terminal", process?.tty && plain(process.tty)],
          ["Capabilities", process?.capabilities && plain(process.capabilities)],
          ["Ended", exit && (exit.signal ? `by signal ${SIGNALS[exit.signal] ?? exit.signal}${exit.core ? ", core written" : ""}` : `status ${exit.code ?? 0}`)],
          ["Lived", exit?.duration && duration(secondsOf(exit.duration))],
          ["CPU time", exit && `${duration(secondsOf(exit.user))} user, ${duration(secondsOf(exit.system))} system`],
          ["Most memory", exit?.max_rss && bytes(exit.max_rss)],
          ["Done", object?.operation && plain(object.operation)],
          ["Object", object && (object.path ?? object.name) && <Mono text={object.path ?? object.name!} />],
          ["Source", object?.source && <Mono text={object.source} />],
          ["Account", user?.account && plain(user.account)],
          ["From", user && plain(user.address ?? user.hostname ?? "")],
          ["Audit", audit && plain([audit.syscall, audit.key && `key ${audit.key}`, audit.success === false && "failed", audit.result !== undefined && `result ${audit.result}`].filter(Boolean).join(", "))],
          ["Digest", process?.sha256 && <Mono text={process.sha256} />],
          ["Package", process?.package && plain(process.package)],
          ["Rules", event.tags?.length ? event.tags.map((tag) => <div key={tag}><Only word="tag" value={tag} /></div>) : ""],
        ]}
      />
      {process?.ancestors?.length ? (
        <>
          <h3>Ancestry</h3>
          <ol class="ancestry">
            {process.ancestors.map((each) => (
              <li key={each.pid}>
                <Step of={each} />
              </li>
            ))}
            {process.ancestors_omitted ? <li>and {process.ancestors_omitted} more</li> : null}
          </ol>
        </>
      ) : null}
      <h3>As it came</h3>
      <pre class="raw" tabIndex={0}>
        {plain(JSON.stringify(event, null, 1)).replace(/\\u000a/g, "\n")}
      </pre>
    </Details>
  );
}
