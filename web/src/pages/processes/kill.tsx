// Signals, to one process or several, after a question. The module `kill` refuses what must not be; what it says is shown.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, modules } from "../../lib/api";
import { processKey, type Process } from "../../lib/feed";
import { plain } from "../../lib/format";
import { runModule } from "../../lib/run";
import { AllowedButton } from "../../ui/allowed";
import { Dialog } from "../../ui/dialog";
import { toast } from "../../ui/toast";
import { whereOf } from "./model";

const SIGNALS: readonly (readonly [string, string])[] = [
  ["TERM", "asks it to end"],
  ["INT", "interrupts it, as Ctrl-C does"],
  ["HUP", "makes many services read their configuration anew"],
  ["QUIT", "ends it, often with a core file"],
  ["KILL", "ends it at once; it cannot tidy up"],
  ["STOP", "stops it until it is continued"],
  ["CONT", "continues it"],
  ["USR1", "means what the program says"],
  ["USR2", "means what the program says"],
];

const SHOWN = 12;

export const nameOf = (process: Process): string => `${plain(process.name ?? "?")} (${process.pid})`;

interface Signalled {
  ended?: boolean;
}

async function send(process: Process, signal: string): Promise<void> {
  const ends = !["STOP", "CONT", "HUP", "USR1", "USR2"].includes(signal);
  const parameters = { pid: process.pid, start: process.start, signal, ...(ends && { wait: "2s" }) };
  try {
    const answer = await runModule<Signalled>("kill", parameters);
    if (!answer.success || answer.errors.length) throw new ApiError(0, "failed", answer.errors.join("; ") || "the run failed");
    toast(`${signal} sent to ${nameOf(process)}${answer.rows[0]?.ended ? ": it has ended" : ends ? ": it still runs" : ""}`, "good");
  } catch (error) {
    const refused = error instanceof ApiError && (error.status === 403 || error.code === "permission");
    const message = error instanceof Error ? error.message : String(error);
    toast(`${refused ? "Refused" : "Not done"}: ${signal} to ${nameOf(process)}: ${plain(message)}`, "bad");
  }
}

export function KillButton({ of: processes, onAsk }: { of: readonly Process[]; onAsk: () => void }) {
  const missing = modules.value.has("kill") ? undefined : "this agent has no module kill";
  return (
    <AllowedButton role="admin" doing="sending signals" missing={missing} class="danger" onPress={onAsk}>
      {processes.length > 1 ? `Signal ${processes.length} processes …` : "Signal …"}
    </AllowedButton>
  );
}

export function KillDialog({ of: processes, onClose }: { of: readonly Process[]; onClose: () => void }) {
  const [signal, setSignal] = useState("TERM");
  const [busy, setBusy] = useState(false);
  const gone = useRef(false); // closed: the others are not signalled any more
  useLayoutEffect(() => () => void (gone.current = true), []);
  const several = processes.length > 1;
  const go = async () => {
    setBusy(true);
    for (const process of processes) if (!gone.current) await send(process, signal);
    if (!gone.current) onClose();
  };
  return (
    <Dialog
      title={several ? `Send a signal to ${processes.length} processes` : `Send a signal to ${nameOf(processes[0]!)}`}
      onClose={onClose}
      onSubmit={() => void go()}
      actions={
        <button type="submit" class="danger" disabled={busy}>
          Send {signal}
        </button>
      }
    >
      <ul class="plain-list">
        {processes.slice(0, SHOWN).map((process) => (
          <li key={processKey(process)}>
            <b>{nameOf(process)}</b>
            {process.user ? ` of ${plain(process.user)}` : ""}
            {whereOf(process) ? ` in ${plain(whereOf(process)!)}` : ""}
            {process.command_line ? <div class="mono clip">{plain(process.command_line)}</div> : null}
          </li>
        ))}
        {processes.length > SHOWN ? <li>and {processes.length - SHOWN} more</li> : null}
      </ul>
      <fieldset class="signals">
        <legend>Signal</legend>
        {SIGNALS.map(([name, means]) => (
          <label key={name}>
            <input type="radio" name="signal" value={name} checked={name === signal} onChange={() => setSignal(name)} />
            <span>
              <b>{name}</b> {means}
            </span>
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}
