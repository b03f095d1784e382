// The events that the page holds. A row keeps what the table shows; the whole event is asked for when it is opened.
import { request, type StreamEvent } from "../../lib/api";
import { plain } from "../../lib/format";
import { Log } from "../../lib/log";
import { now, range, setNow } from "../../lib/time";
import { containerName, eventText, type WatchEvent } from "../../lib/watch";

export const MOST = 200_000;
const AHEAD = 5000; // a page while the time of the histogram is being filled
const AHEAD_MOST = 30_000; // rows that are loaded without being asked for
const STALE = 120; // seconds: after a longer pause the newest are loaded anew

export interface EventRow {
  id: number;
  at: number; // Unix seconds
  type: string;
  pid: number | undefined;
  comm: string;
  parent: string;
  uid: number | undefined;
  container: string;
  text: string;
  tags: string;
  severity: string; // of its first alert
}

/** Names come again and again: one string each. */
const names = new Map<string, string>();
function once(text = ""): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= 20_000) names.clear();
  names.set(text, text);
  return text;
}

function rowOf(event: WatchEvent): EventRow {
  const process = event.process;
  return {
    id: event.id,
    at: Date.parse(event.time) / 1000,
    type: once(event.type),
    pid: process?.pid,
    comm: once(plain(process?.comm ?? "")),
    parent: once(plain(process?.ancestors?.[0]?.comm ?? "")),
    uid: process?.uid,
    container: once(plain(containerName(process?.container))),
    text: once(eventText(event)),
    tags: once(event.tags?.join(", ")),
    severity: once(event.alerts?.[0]?.severity),
  };
}

export class EventLog extends Log<EventRow> {
  private fresh: EventRow[] = [];
  private last = 0;
  private from = range.peek().from;

  constructor(filter: string, fixed: boolean) {
    super("/v1/modules/watch/stream", filter, MOST, 1000, fixed);
  }
  protected async page(query: URLSearchParams, _limit: number, before?: number) {
    query.set("reverse", "true");
    if (before === undefined) [this.last, this.fresh] = [0, []]; // numbers may begin anew
    if (before !== undefined) query.set("after", String(before)); // in the order that is asked for
    const answer = await request<{ events: WatchEvent[]; more: boolean }>(`/v1/modules/watch/events?${query}`, { signal: this.abort.signal });
    return { rows: answer.events.map(rowOf), more: answer.more };
  }
  protected take({ data }: StreamEvent): void {
    const row = rowOf(JSON.parse(data));
    if (row.id <= Math.max(this.last, this.rows.peek()[0]?.id ?? 0)) return; // a stream that came back begins a little earlier
    this.last = row.id;
    if (this.fresh.push(row) > MOST) this.dropped.value += this.fresh.splice(0, 1000).length;
  }
  protected merge() {
    const rows = this.rows.peek();
    const fresh = this.fresh.reverse().filter(({ id }) => !(id <= rows[0]?.id!)); // a list that was asked for since then may have them
    this.fresh = [];
    return fresh.length ? fresh.concat(rows) : undefined;
  }
  protected joins(newest?: EventRow): boolean {
    setNow(); // it stood while the page was hidden or paused
    return !!newest && now.peek() - newest.at < STALE;
  }
  /** Goes back to where the histogram begins. */
  protected override async loaded(): Promise<void> {
    const signal = this.abort.signal;
    for (let before = -1; !signal.aborted && this.more.value; ) {
      const rows = this.rows.value;
      if (rows.length === before || rows.length >= AHEAD_MOST || rows[rows.length - 1]!.at <= this.from) return;
      before = rows.length;
      await this.back(AHEAD);
    }
  }
  widen(from: number): void {
    if (from >= this.from) return;
    this.from = from;
    if (!this.loading.value) void this.loaded();
  }
}
