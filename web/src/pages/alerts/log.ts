// The alerts that the page holds: a list from the module, kept true by its stream. A row keeps no evidence; that is asked
// for when the alert is opened.
import { signal } from "@preact/signals";
import { request, type StreamEvent } from "../../lib/api";
import { Log } from "../../lib/log";
import { SEVERITIES, type SeverityLevel } from "../../ui/badge";

export interface Alert {
  id: number;
  time: string; // the first
  last: string;
  count: number;
  severity: SeverityLevel;
  state: "open" | "acknowledged" | "muted";
  module?: string;
  rule?: string;
  message: string;
  container?: string;
  container_id?: string;
  pid?: number;
  exe?: string;
  user?: string;
  tags?: string[];
  acknowledged?: { time: string; by: string; comment?: string };
  mute?: number;
  evidence?: unknown;
}

export interface Mute {
  id: number;
  active: boolean;
  module?: string;
  rule?: string;
  container?: string;
  severity: SeverityLevel;
  created: string;
  until: string;
  by: string;
  comment?: string;
  count?: number;
}

export type BySeverity = Record<SeverityLevel, number>;
export interface Counts {
  step: string;
  open: BySeverity;
  total: BySeverity;
  muted?: BySeverity;
  histogram: (BySeverity & { time: string })[];
}

export const BASE = "/v1/modules/alerts";

const rank = (alert: Alert): number => SEVERITIES.indexOf(alert.severity);
export { rank as severityRank };

let turns = 0; // of all logs: no number comes again, which would be no change

export class AlertLog extends Log<Alert> {
  /** Grows with what comes and changes: counts are asked for anew. */
  readonly turn = signal(++turns);
  protected override readonly changing = true;
  private fresh = new Map<number, Alert>();

  /** filter: words of the API without state, since one that changes out of the list has to be heard of; state: "" is every one. */
  constructor(
    filter: string,
    private readonly state: string,
    fixed: boolean,
  ) {
    super(`${BASE}/stream`, filter, 20_000, 200, fixed);
  }
  protected async page(query: URLSearchParams, _limit: number, before?: number) {
    if (this.state) query.set("state", this.state);
    if (before !== undefined) query.set("before", String(before));
    const answer = await request<{ alerts: Alert[]; more: boolean }>(`${BASE}/alerts?${query}`, { signal: this.abort.signal });
    return { rows: answer.alerts.map(light), more: answer.more };
  }
  protected take({ data }: StreamEvent): void {
    const alert = light(JSON.parse(data));
    this.fresh.set(alert.id, alert);
  }
  protected merge() {
    const { fresh, state } = this;
    if (!fresh.size) return undefined;
    const rows = this.rows.peek();
    const oldest = this.more.peek() ? (rows[rows.length - 1]?.id ?? 0) : 0;
    const all = new Map(rows.map((row) => [row.id, row]));
    for (const [id, alert] of fresh) if (id > oldest) all.set(id, alert);
    fresh.clear();
    this.turn.value = ++turns;
    return [...all.values()].filter((alert) => !state || alert.state === state).sort((a, b) => b.id - a.id);
  }
  /** What changed during a pause is not told again. */
  protected joins(): boolean {
    return false;
  }
  protected override loaded(): void {
    this.turn.value = ++turns;
  }
}

function light(alert: Alert): Alert {
  const { evidence: _, ...rest } = alert;
  return rest;
}
