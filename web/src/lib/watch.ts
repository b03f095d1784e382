// Events of the module watch, as /v1/modules/watch gives them, and what they say in a line.
import { duration, plain } from "./format";
import { secondsOf } from "./feed";

export interface EventContainer {
  engine?: string;
  id?: string;
  name?: string;
  image?: string;
  pod?: string;
  attribution?: string;
}
export interface Ancestor {
  pid: number;
  comm?: string;
  exe?: string;
  exec_id?: string;
}
export interface EventProcess extends Ancestor {
  parent_exec_id?: string;
  ppid?: number;
  start?: string;
  argv?: string[];
  argv_truncated?: boolean;
  cwd?: string;
  tty?: string;
  uid?: number;
  euid?: number;
  gid?: number;
  egid?: number;
  auid?: number;
  session?: number;
  capabilities?: string;
  container?: EventContainer;
  unit?: string;
  ancestors?: Ancestor[];
  ancestors_omitted?: number;
  sha256?: string;
  package?: string;
}
export interface WatchEvent {
  time: string;
  id: number;
  type: string;
  source?: string;
  process?: EventProcess;
  exit?: { code?: number; signal?: number; core?: boolean; duration?: string; user?: string; system?: string; max_rss?: number };
  object?: { operation?: string; path?: string; source?: string; name?: string; mode?: number; owner?: number; pid?: number };
  user?: { account?: string; address?: string; hostname?: string; terminal?: string };
  audit?: { serial?: number; key?: string; syscall?: string; success?: boolean; result?: number; detail?: string };
  gap?: { lost?: number; unit?: string; reason?: string; healed?: number };
  synthetic?: boolean;
  late?: boolean;
  tags?: string[];
  alerts?: { severity?: string; alert?: string; rule?: string; summary?: string }[];
}

/** In the order in which filters show them. */
export const EVENT_TYPES = (
  "exec exit fork container file user credential capability namespace mount module ptrace bpf oom anomaly config syscall gap"
).split(" ");

const LINE = 320;

/** As a shell would take them; not more than a line of a table can show. */
function joined(argv: readonly string[]): string {
  let line = "";
  for (const word of argv) {
    if (line.length > LINE) return `${line} …`;
    const cut = word.length > LINE ? `${word.slice(0, LINE)}…` : word;
    line += (line && " ") + (word === "" || /\s/.test(cut) ? `'${cut}'` : cut);
  }
  return line;
}

export const containerName = (container: EventContainer | undefined): string =>
  container ? (container.name ?? container.id?.slice(0, 12) ?? container.engine ?? "") : "";

const SIGNALS: Record<number, string> = {
  1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 11: "SEGV", 13: "PIPE", 14: "ALRM", 15: "TERM",
};

export function endText(exit: WatchEvent["exit"]): string {
  if (!exit) return "";
  const how = exit.signal ? `by signal ${SIGNALS[exit.signal] ?? exit.signal}${exit.core ? ", core written" : ""}` : `status ${exit.code ?? 0}`;
  const life = secondsOf(exit.duration);
  return life === undefined ? how : `${how} after ${duration(life)}`;
}

/** What happened, without who did it; controls are shown, not obeyed. */
export function eventText(event: WatchEvent): string {
  const { process, exit, object, user, audit, gap } = event;
  if (gap)
    return gap.healed
      ? `repaired: ${gap.healed} processes found or removed by a look at /proc${gap.reason ? ` (${plain(gap.reason)})` : ""}`
      : `${gap.lost ?? "some"} ${plain(gap.unit ?? "events")} were lost${gap.reason ? `: ${plain(gap.reason)}` : ""}`;
  if (event.type === "exec") return plain(joined(process?.argv ?? []) || process?.exe || "") + (process?.argv_truncated ? " …" : "");
  if (exit) return endText(exit);
  const words: (string | undefined | false)[] = [];
  if (object) words.push(object.operation, object.path, object.name, object.source && `(${object.source})`, object.pid !== undefined && `process ${object.pid}`);
  if (user) words.push(user.account, user.address ?? user.hostname, user.terminal);
  if (audit && !words.length) words.push(audit.syscall, audit.key);
  if (audit?.success === false) words.push("failed");
  return plain(words.filter(Boolean).join(" "));
}
