import { useRef } from "preact/hooks";
import { request } from "../../lib/api";
import { age, clock, plain } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { hrefOf, route } from "../../lib/route";
import { now } from "../../lib/time";
import type { WatchEvent } from "../../lib/watch";
import { AllowedButton } from "../../ui/allowed";
import { Badge, Severity } from "../../ui/badge";
import { confirm } from "../../ui/dialog";
import { Details, Facts, mono, Raw } from "../../ui/details";
import { Empty, Failed, Loading } from "../../ui/empty";
import { EventFacts } from "../../ui/event";
import { toast, toastError } from "../../ui/toast";
import { reopen } from "./actions";
import { BASE, type Alert, type Mute } from "./log";

const STATES = { open: "warn", acknowledged: "good", muted: "plain" } as const;
export const State = ({ of }: { of: Alert["state"] }) => <Badge tone={STATES[of]}>{of}</Badge>;

function Only({ word, value }: { word: string; value: string | undefined }) {
  if (!value) return null;
  const query = Object.fromEntries(route.value.query);
  return (
    <a href={hrefOf("alerts", "", { ...query, [word]: value })} title={`Only alerts of this ${word}`}>
      {plain(value)}
    </a>
  );
}

interface Props {
  id: number;
  row: Alert | undefined; // moves with the stream; the rest is asked for
  shown: { current?: Alert }; // for keys: the list may not have it
  onClose: () => void;
  onAcknowledge: (alert: Alert) => void;
  onMute: (alert: Alert) => void;
}

export function AlertDetails({ id, row, shown, onClose, onAcknowledge, onMute }: Props) {
  // asked again when it leaves the list, or comes back: until then the row knows better
  const found = useLoad((abort) => request<Alert>(`${BASE}/alerts/${id}`, { signal: abort }), [id, row?.state]);
  const last = useRef<Alert | undefined>(undefined);
  last.current = found.value ?? last.current;
  const whole = last.current;
  if (!whole)
    return (
      <Details title={`Alert ${id}`} onClose={onClose}>
        {found.error ? <Failed what="The alert" error={found.error} retry={found.again} /> : <Loading what="the alert" />}
      </Details>
    );
  const alert = { ...whole, ...row };
  shown.current = alert;
  const evidence = whole.evidence as { event?: WatchEvent; summary?: string; mitre?: string[] } | string | undefined;
  const event = typeof evidence === "object" ? evidence.event : undefined;
  const seen = alert.acknowledged;
  return (
    <Details title={`Alert ${id}${alert.rule ? `: ${plain(alert.rule)}` : ""}`} onClose={onClose}>
      <p>
        <Severity level={alert.severity} /> {plain(alert.message)}
      </p>
      <div class="bar">
        {alert.state === "acknowledged" ? (
          <AllowedButton role="investigator" doing="opening an alert again" onPress={() => void reopen([alert])}>
            Open again
          </AllowedButton>
        ) : (
          <AllowedButton role="investigator" doing="acknowledging" class="primary" onPress={() => onAcknowledge(alert)}>
            Acknowledge …
          </AllowedButton>
        )}
        <AllowedButton role="investigator" doing="muting" onPress={() => onMute(alert)}>
          Mute …
        </AllowedButton>
      </div>
      <Facts
        of={[
          ["State", <State of={alert.state} />],
          [
            "Acknowledged",
            seen && (
              <>
                by <b>{plain(seen.by)}</b>, {clock(seen.time, true).slice(0, 19)}
                {seen.comment ? <blockquote>{plain(seen.comment)}</blockquote> : null}
              </>
            ),
          ],
          ["Mute", alert.mute && <a href={hrefOf("alerts", "mutes")}>number {alert.mute}</a>],
          ["First", `${clock(alert.time, true)}, ${age(alert.time, now.value)} ago`],
          ["Last", alert.count > 1 ? `${clock(alert.last, true)}, ${alert.count} in all` : ""],
          ["Module", <Only word="module" value={alert.module} />],
          ["Rule", alert.rule && <Only word="rule" value={alert.rule} />],
          ["Summary", typeof evidence === "object" && evidence.summary ? plain(evidence.summary) : ""],
          ["Container", alert.container && <Only word="container" value={alert.container} />],
          ["Program", event ? "" : mono(alert.exe)],
          ["User", alert.user && plain(alert.user)],
          ["Tags", alert.tags?.map(plain).join(", ")],
        ]}
      />
      {event?.type ? (
        <>
          <h3>The event</h3>
          <EventFacts event={{ ...event, id: 0 }} query={{}} />
        </>
      ) : null}
      {whole.evidence ? <Raw of={whole.evidence} /> : null}
    </Details>
  );
}

export function Mutes({ turn, onClose }: { turn: number; onClose: () => void }) {
  const all = useLoad((abort) => request<{ mutes: Mute[] }>(`${BASE}/mutes?all=true`, { signal: abort }), [turn], 30);
  const end = async (mute: Mute) => {
    const text = "Alerts of this kind are open from then on; those that were muted stay so.";
    if (!(await confirm({ title: `End mute ${mute.id}?`, text, action: "End it" }))) return;
    try {
      await request(`${BASE}/mutes/${mute.id}`, { method: "DELETE" });
      toast("The mute has ended", "good");
      document.querySelector<HTMLElement>(".details-body")?.focus({ preventScroll: true }); // the button goes
      all.again();
    } catch (error) {
      toastError(error, "Not ended");
    }
  };
  const list = all.value?.mutes ?? [];
  return (
    <Details title="Mutes" onClose={onClose}>
      {all.error && !all.value ? (
        <Failed what="The mutes" error={all.error} retry={all.again} />
      ) : !all.value ? (
        <Loading what="mutes" />
      ) : !list.length ? (
        <Empty title="Nothing is muted">Open an alert and choose Mute to have its like wait for nobody.</Empty>
      ) : (
        <ul class="plain-list">
          {[...list].sort((a, b) => Number(b.active) - Number(a.active) || b.id - a.id).map((mute) => (
            <li key={mute.id}>
              <div class="bar">
                <b>{[mute.rule, mute.module, mute.container].filter(Boolean).map((each) => plain(each!)).join(", ") || "everything"}</b>
                <Badge tone={mute.active ? "accent" : "plain"}>{mute.active ? "in force" : "over"}</Badge>
                <span class="grow" />
                {mute.active ? (
                  <AllowedButton role="investigator" doing="ending a mute" onPress={() => void end(mute)}>
                    End …
                  </AllowedButton>
                ) : null}
              </div>
              <div class="muted">
                {mute.severity} or less, until {clock(mute.until, true).slice(0, 16)}, by {plain(mute.by)}; {mute.count ?? 0} muted
              </div>
              {mute.comment ? <blockquote>{plain(mute.comment)}</blockquote> : null}
            </li>
          ))}
        </ul>
      )}
    </Details>
  );
}
