// All that an event of watch says, and links to what has to do with it.
import type { ComponentChildren } from "preact";
import { secondsOf } from "../lib/feed";
import { bytes, clock, duration, plain } from "../lib/format";
import { hrefOf } from "../lib/route";
import { containerName, endText, eventText, type WatchEvent } from "../lib/watch";
import { Facts, Long, mono } from "./details";

const id = (value: number | undefined) => (value === 4_294_967_295 ? "unset" : value);

/** query: what the links to events keep of the filter. */
export function EventFacts({ event, query }: { event: WatchEvent; query: Record<string, string> }) {
  const { process, exit, object, user, audit } = event;
  const container = process?.container;
  const only = (word: string, value: string | undefined, text?: ComponentChildren) =>
    value && <a href={hrefOf("events", "", { ...query, [word]: value })}>{text ?? plain(value)}</a>;
  const living = (pid: number, text: string, start?: string) => <a href={hrefOf("processes", String(pid), { start })}>{plain(text)}</a>;
  const below = (exec: string | undefined) => only("ancestor", exec, "all below it");
  const list = (...words: unknown[]) => plain(words.filter((word) => word || word === 0).join(", "));
  return (
    <>
      <Facts
        of={[
          ["Time", clock(event.time, true)],
          ["Event", list(event.type, event.id > 0 && `number ${event.id}`, event.source, event.synthetic && "found in /proc", event.late && "late")],
          ["What", event.type === "exec" ? "" : eventText(event)],
          ["Arguments", process?.argv?.length && <Long key={event.id} text={process.argv.join(" ")} />],
          ["Program", only("exe", process?.exe, mono(process?.exe))],
          ["Directory", mono(process?.cwd)],
          [
            "Process",
            process && (
              <>
                {living(process.pid, `${process.comm ?? ""} (${process.pid})`, process.start)} {only("pid", String(process.pid), "its events")} {below(process.exec_id)}
              </>
            ),
          ],
          ["Started", process?.start && clock(process.start, true)],
          ["Container", container && <>{only("container", containerName(container))} {list(container.engine, container.image, container.attribution)}</>],
          ["Unit", plain(process?.unit ?? "")],
          [
            "User",
            process?.uid === undefined ? "" : <>{only("user", String(process.uid))} {list((process.euid ?? process.uid) !== process.uid && `effective ${process.euid}`, process.gid !== undefined && `group ${process.gid}`)}</>,
          ],
          ["Logged in as", id(process?.auid)],
          ["Terminal", plain(process?.tty ?? "")],
          ["Capabilities", plain(process?.capabilities ?? "")],
          ["Ended", endText(exit)],
          ["CPU time", exit && `${duration(secondsOf(exit.user))} user, ${duration(secondsOf(exit.system))} system`],
          ["Most memory", exit?.max_rss && bytes(exit.max_rss)],
          ["Object", object && mono([object.operation, object.path ?? object.name, object.source].filter(Boolean).join(" "))],
          ["Account", user && list(user.account, user.address ?? user.hostname, user.terminal)],
          ["Audit", audit && list(audit.syscall, audit.key && `key ${audit.key}`, audit.success === false && "failed", audit.result)],
          ["Digest", mono(process?.sha256)],
          ["Package", plain(process?.package ?? "")],
          ["Rules", event.tags?.map((tag) => <div key={tag}>{only("tag", tag)}</div>)],
        ]}
      />
      {process?.ancestors?.length ? (
        <>
          <h3>Ancestry</h3>
          <ol class="ancestry">
            {process.ancestors.map((each) => (
              <li key={each.pid}>
                {living(each.pid, `${each.comm || each.exe || "?"} (${each.pid})`)} {below(each.exec_id)}
                <div class="muted mono clip">{plain(each.exe ?? "")}</div>
              </li>
            ))}
            {process.ancestors_omitted ? <li>and {process.ancestors_omitted} more</li> : null}
          </ol>
        </>
      ) : null}
    </>
  );
}
