// The alerts that the page holds: a list from the module, kept true by its stream. A row keeps no evidence; that is asked
// for when the alert is opened.
import { signal } from "@preact/signals";
import { request, stream } from "../../lib/api";
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
export const MOST = 20_000;
const PAGE = 200;
const FLUSH = 250; // ms

const rank = (alert: Alert): number => SEVERITIES.indexOf(alert.severity);
export { rank as severityRank };

export class AlertLog {
  /** Newest first. */
  readonly rows = signal<readonly Alert[]>([]);
  readonly error = signal<unknown>(null);
  readonly loading = signal(true);
  readonly more = signal(false);
  readonly missed = signal(0);
  readonly cut = signal("");
  /** Grows with what comes and changes: counts are asked for anew. */
  readonly turn = signal(0);

  private abort = new AbortController();
  private fresh = new Map<number, Alert>();
  private timer = 0;
  private paging = false;
  private live = false;
  private unfollow: (() => void) | null = null;

  /** filter: words of the API without state; state: "" is every one. */
  constructor(
    private readonly filter: URLSearchParams,
    private readonly state: string,
    private until: string | undefined,
    private readonly since: string | undefined,
  ) {
    void this.load();
  }

  close(): void {
    this.abort.abort();
    this.follow(false);
    clearTimeout(this.timer);
  }

  private ask(before?: number): Promise<{ alerts: Alert[]; more: boolean }> {
    const query = new URLSearchParams(this.filter);
    if (this.state) query.set("state", this.state);
    if (this.since) query.set("since", this.since);
    if (this.until) query.set("until", this.until);
    if (before !== undefined) query.set("before", String(before));
    query.set("limit", String(PAGE));
    return request(`${BASE}/alerts?${query}`, { signal: this.abort.signal });
  }

  async load(): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    const signal = this.abort.signal;
    try {
      const answer = await this.ask();
      if (signal.aborted) return;
      this.rows.value = answer.alerts.map(light);
      this.more.value = answer.more;
      this.error.value = null;
      this.loading.value = false;
      this.turn.value++;
      if (this.live) this.open();
    } catch (error) {
      if (signal.aborted) return;
      this.error.value = error;
      this.loading.value = false;
    }
  }

  async back(): Promise<void> {
    const rows = this.rows.value;
    const last = rows[rows.length - 1];
    if (this.paging || !this.more.value || !last || rows.length >= MOST) return;
    this.paging = true;
    const signal = this.abort.signal;
    try {
      const answer = await this.ask(last.id);
      if (signal.aborted) return;
      this.rows.value = this.rows.value.concat(answer.alerts.map(light));
      this.more.value = answer.more;
    } catch (error) {
      if (!signal.aborted) this.error.value = error;
    } finally {
      this.paging = false;
    }
  }

  follow(on: boolean): void {
    if (on === this.live) return;
    this.live = on;
    if (!on) {
      this.unfollow?.();
      this.unfollow = null;
      this.flush();
    } else if (!this.loading.value) {
      this.until = undefined; // what changed meanwhile is not told again: all anew
      void this.load();
    }
  }

  /** Without a state: one that changes out of the list has to be heard of. */
  private open(): void {
    this.unfollow?.();
    const query = new URLSearchParams(this.filter);
    const newest = this.rows.value[0];
    if (newest) query.set("after", String(newest.id));
    this.unfollow = stream(`${BASE}/stream?${query}`, {
      event: ({ event, data }) => {
        if (event === "dropped") {
          this.missed.value += Number(JSON.parse(data).dropped) || 0;
          return;
        }
        const alert = light(JSON.parse(data) as Alert);
        this.fresh.set(alert.id, alert);
        if (this.fresh.size > MOST) this.flush();
        this.timer ||= setTimeout(() => this.flush(), FLUSH);
      },
      state: (error) => {
        this.cut.value = error?.message ?? "";
      },
    });
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.fresh.size) return;
    const fits = (alert: Alert) => !this.state || alert.state === this.state;
    const oldest = this.more.value ? (this.rows.value[this.rows.value.length - 1]?.id ?? 0) : 0;
    const kept: Alert[] = [];
    for (const row of this.rows.value) {
      const changed = this.fresh.get(row.id);
      if (changed) this.fresh.delete(row.id);
      if (fits(changed ?? row)) kept.push(changed ?? row);
    }
    const come = [...this.fresh.values()].filter((alert) => fits(alert) && alert.id > oldest);
    this.fresh.clear();
    const rows = come.length ? [...come, ...kept].sort((a, b) => b.id - a.id) : kept;
    if (rows.length > MOST) this.more.value = true;
    this.rows.value = rows.slice(0, MOST);
    this.turn.value++;
  }
}

function light(alert: Alert): Alert {
  const { evidence: _, ...rest } = alert;
  return rest;
}
