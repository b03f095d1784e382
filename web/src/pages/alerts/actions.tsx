// What people do with alerts: acknowledge, open again, mute.
import { useState } from "preact/hooks";
import { request } from "../../lib/api";
import { clock, plain } from "../../lib/format";
import { now } from "../../lib/time";
import { SEVERITIES, Severity } from "../../ui/badge";
import { Dialog } from "../../ui/dialog";
import { toast, toastError } from "../../ui/toast";
import { BASE, severityRank, type Alert } from "./log";

const AT_ONCE = 1000; // of one request, as the module takes them

export async function acknowledge(alerts: readonly Alert[], comment: string): Promise<boolean> {
  try {
    for (let at = 0; at < alerts.length; at += AT_ONCE) {
      const ids = alerts.slice(at, at + AT_ONCE).map((alert) => alert.id);
      await request(`${BASE}/acknowledge`, { body: { ids, ...(comment && { comment }) } });
    }
    toast(alerts.length === 1 ? "Acknowledged" : `${alerts.length} alerts acknowledged`, "good", {
      label: "Undo",
      run: () => void reopen(alerts),
    });
    return true;
  } catch (error) {
    toastError(error, "Not acknowledged");
    return false;
  }
}

export async function reopen(alerts: readonly Alert[]): Promise<void> {
  try {
    for (const alert of alerts) await request(`${BASE}/alerts/${alert.id}/acknowledge`, { method: "DELETE" });
    toast(alerts.length === 1 ? "Open again" : `${alerts.length} alerts are open again`, "good");
  } catch (error) {
    toastError(error, "Not opened again");
  }
}

const SHOWN = 6;

export function AcknowledgeDialog({ of: alerts, onClose }: { of: readonly Alert[]; onClose: (done: boolean) => void }) {
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <Dialog
      title={alerts.length === 1 ? "Acknowledge this alert" : `Acknowledge ${alerts.length} alerts`}
      onClose={() => onClose(false)}
      onSubmit={() => {
        setBusy(true);
        void acknowledge(alerts, comment.trim()).then((done) => (done ? onClose(true) : setBusy(false)));
      }}
      actions={
        <button type="submit" class="primary" disabled={busy}>
          Acknowledge
        </button>
      }
    >
      <ul class="plain-list">
        {alerts.slice(0, SHOWN).map((alert) => (
          <li key={alert.id}>
            <Severity level={alert.severity} /> {plain(alert.message)}
          </li>
        ))}
        {alerts.length > SHOWN ? <li>and {alerts.length - SHOWN} more</li> : null}
      </ul>
      <label class="stacked">
        Comment: what it was, what was done
        <textarea rows={3} maxLength={1000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} autofocus />
      </label>
    </Dialog>
  );
}

const TIMES: readonly (readonly [string, string])[] = [
  ["1h", "an hour"],
  ["8h", "8 hours"],
  ["24h", "a day"],
  ["168h", "a week"],
  ["720h", "30 days"],
  ["", "until …"],
];

/** `ahead` seconds from now, as a field of a local time has it. */
const local = (ahead: number) => clock(now.peek() + ahead, true).slice(0, 16).replace(" ", "T");
const FURTHEST = 3650 * 86_400; // no mute lasts longer

export function MuteDialog({ like: alert, onClose }: { like: Alert; onClose: (done: boolean) => void }) {
  const [by, setBy] = useState({ module: !!alert.module, rule: !!alert.rule, container: !!alert.container });
  const [severity, setSeverity] = useState<string>(alert.severity);
  const [time, setTime] = useState("8h");
  const [until, setUntil] = useState(() => local(3600));
  const [existing, setExisting] = useState(false);
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const words = (["module", "rule", "container"] as const).filter((name) => alert[name]);
  const none = !words.some((name) => by[name]);
  const go = async () => {
    setBusy(true);
    try {
      const body: Record<string, unknown> = { severity, existing, ...(time ? { for: time } : { until: new Date(until).toISOString() }) };
      for (const name of words) if (by[name]) body[name] = alert[name];
      if (comment.trim()) body.comment = comment.trim();
      await request(`${BASE}/mutes`, { body });
      toast("Muted", "good");
      onClose(true);
    } catch (error) {
      toastError(error, "Not muted");
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Mute alerts like this one"
      onClose={() => onClose(false)}
      onSubmit={() => void go()}
      actions={
        <button type="submit" class="primary" disabled={busy || none}>
          Mute
        </button>
      }
    >
      <p class="muted">They are still kept and counted; nobody is asked to look at them.</p>
      <fieldset class="stacked">
        <legend>Which</legend>
        {words.map((name) => (
          <label key={name} class="toggle">
            <input type="checkbox" checked={by[name]} onChange={(event) => setBy({ ...by, [name]: event.currentTarget.checked })} />
            of {name === "container" ? "the container" : `the ${name}`} <b>{plain(alert[name]!)}</b>
          </label>
        ))}
        {none ? <p>Choose at least one; a mute of everything is made on the command line.</p> : null}
      </fieldset>
      <div class="pair">
        <label class="stacked">
          As bad as this or less
          <select value={severity} onChange={(event) => setSeverity(event.currentTarget.value)}>
            {SEVERITIES.filter((_, at) => at >= severityRank(alert)).map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <label class="stacked">
          For
          <select value={time} onChange={(event) => setTime(event.currentTarget.value)}>
            {TIMES.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </div>
      {time ? null : (
        <label class="stacked">
          Until, local time
          <input type="datetime-local" required max={local(FURTHEST)} value={until} onInput={(event) => setUntil(event.currentTarget.value)} />
        </label>
      )}
      <label class="toggle">
        <input type="checkbox" checked={existing} onChange={(event) => setExisting(event.currentTarget.checked)} />
        Those that are open already, too
      </label>
      <label class="stacked">
        Comment: why
        <textarea rows={2} maxLength={1000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
    </Dialog>
  );
}
