// The events that the page holds: the newest ones, what comes now, and as far back as somebody reads. At most MOST; what
// goes beyond is dropped at the far end and counted. A row keeps what the table shows; the whole event is asked for when
// it is opened.
import { signal } from "@preact/signals";
import { request, stream } from "../../lib/api";
import { plain } from "../../lib/format";
import { containerName, eventText, type WatchEvent } from "../../lib/watch";

export const MOST = 200_000;
const PAGE = 1000;
const AHEAD = 5000; // a page while the time of the histogram is being filled
const AHEAD_MOST = 30_000; // rows that are loaded without being asked for
const FLUSH = 250; // ms
const STALE = 120; // seconds: after a longer pause the newest are loaded anew

export interface EventRow {
  id: number;
  at: number; // Unix seconds
  type: string;
  pid: number | undefined;
  comm: string;
  parent: string;
  exe: string;
  uid: number | undefined;
  container: string;
  text: string;
  tags: string;
  severity: string; // of its first alert
}

/** Names come again and again: one string each. */
const names = new Map<string, string>();
function once(text: string | undefined): string {
  if (!text) return "";
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= 20_000) names.clear();
  names.set(text, text);
  return text;
}

export function rowOf(event: WatchEvent): EventRow {
  const process = event.process;
  return {
    id: event.id,
    at: Date.parse(event.time) / 1000,
    type: once(event.type),
    pid: process?.pid,
    comm: once(plain(process?.comm ?? "")),
    parent: once(plain(process?.ancestors?.[0]?.comm ?? "")),
    exe: once(plain(process?.exe ?? "")),
    uid: process?.uid,
    container: once(plain(containerName(process?.container))),
    text: once(eventText(event)),
    tags: once((event.tags ?? []).join(", ")),
    severity: once(event.alerts?.[0]?.severity),
  };
}

interface Answer {
  events: WatchEvent[];
  cursor: number;
  more: boolean;
}

export interface Span {
  from: number; // Unix seconds: where the histogram begins
  since?: string; // a fixed time: nothing before, nothing behind it is asked for
  until?: string;
}

export class EventLog {
  /** Newest first. */
  readonly rows = signal<readonly EventRow[]>([]);
  readonly error = signal<unknown>(null);
  readonly loading = signal(true);
  /** There is more behind the last row. */
  readonly more = signal(false);
  readonly dropped = signal(0); // here, since there were more than MOST
  readonly missed = signal(0); // there, since this page was too slow
  readonly cut = signal<string>(""); // why the stream stands still

  private abort = new AbortController();
  private fresh: EventRow[] = [];
  private timer = 0;
  private paging = false;
  private unfollow: (() => void) | null = null;

  constructor(
    private readonly filter: URLSearchParams,
    private span: Span,
  ) {
    void this.load();
  }

  close(): void {
    this.abort.abort();
    this.follow(false);
    clearTimeout(this.timer);
    this.fresh = [];
  }

  /** Asks for everything anew. */
  async load(): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    this.loading.value = true;
    const signal = this.abort.signal;
    try {
      const answer = await this.ask(PAGE, undefined);
      if (signal.aborted) return;
      this.rows.value = answer.events.map(rowOf);
      this.more.value = answer.more;
      this.error.value = null;
      this.loading.value = false;
      if (this.wanted) this.open();
      void this.fill();
    } catch (error) {
      if (signal.aborted) return;
      this.error.value = error;
      this.loading.value = false;
    }
  }

  private ask(limit: number, before: number | undefined): Promise<Answer> {
    const query = new URLSearchParams(this.filter);
    query.set("reverse", "true");
    query.set("limit", String(limit));
    if (this.span.since) query.set("since", this.span.since);
    if (this.span.until) query.set("until", this.span.until);
    if (before !== undefined) query.set("after", String(before)); // in the order that is asked for
    return request<Answer>(`/v1/modules/watch/events?${query}`, { signal: this.abort.signal });
  }

  /** A page further back. */
  async back(limit = PAGE): Promise<void> {
    const last = this.rows.value[this.rows.value.length - 1];
    if (this.paging || !this.more.value || !last || this.rows.value.length >= MOST) return;
    this.paging = true;
    const signal = this.abort.signal;
    try {
      const answer = await this.ask(Math.min(limit, MOST - this.rows.value.length), last.id);
      if (signal.aborted) return;
      this.rows.value = this.rows.value.concat(answer.events.map(rowOf));
      this.more.value = answer.more;
    } catch (error) {
      if (!signal.aborted) this.error.value = error;
    } finally {
      this.paging = false;
    }
  }

  /** Goes back to where the histogram begins. */
  private async fill(): Promise<void> {
    const signal = this.abort.signal;
    while (!signal.aborted && !this.filled()) {
      const before = this.rows.value.length;
      await this.back(AHEAD);
      if (this.rows.value.length === before) return;
    }
  }
  private filled(): boolean {
    const rows = this.rows.value;
    const last = rows[rows.length - 1];
    return !this.more.value || !last || last.at <= this.span.from || rows.length >= AHEAD_MOST;
  }
  widen(from: number): void {
    if (from >= this.span.from) return;
    this.span = { ...this.span, from };
    if (!this.loading.value) void this.fill();
  }

  private wanted = false;

  /** Follows what happens from the newest row on, or stops. */
  follow(on: boolean): void {
    if (on === this.wanted) return;
    this.wanted = on;
    if (!on) {
      this.unfollow?.();
      this.unfollow = null;
      this.flush();
      return;
    }
    if (this.loading.value) return; // load() opens it
    const newest = this.rows.value[0];
    if (this.span.until || (newest && Date.now() / 1000 - newest.at > STALE)) {
      this.span = { from: this.span.from };
      void this.load();
    } else this.open();
  }

  private open(): void {
    this.unfollow?.();
    const query = new URLSearchParams(this.filter);
    const newest = this.rows.value[0];
    if (newest) query.set("after", String(newest.id));
    let last = newest?.id ?? 0;
    this.unfollow = stream(`/v1/modules/watch/stream?${query}`, {
      event: ({ event, data }) => {
        if (event === "dropped") {
          this.missed.value += Number(JSON.parse(data).dropped) || 0;
          return;
        }
        const row = rowOf(JSON.parse(data) as WatchEvent);
        if (row.id <= last) return; // a stream that came back may begin a little earlier
        last = row.id;
        this.fresh.push(row);
        if (this.fresh.length > MOST) {
          this.fresh.shift();
          this.dropped.value++;
        }
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
    if (!this.fresh.length) return;
    let rows = this.fresh.reverse().concat(this.rows.value);
    this.fresh = [];
    if (rows.length > MOST) {
      this.dropped.value += rows.length - MOST;
      this.more.value = true;
      rows = rows.slice(0, MOST);
    }
    this.rows.value = rows;
  }
}
