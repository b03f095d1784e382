// A list that a module keeps, newest first: its newest rows, what comes now, and as far back as somebody reads. Bounded.
import { effect, signal } from "@preact/signals";
import { ApiError, connection, stream, type StreamEvent } from "./api";
import { hidden } from "./feed";
import { paused, range } from "./time";

const FLUSH = 250; // ms between two changes of the list

const iso = (time: number) => new Date(time * 1000).toISOString();

export abstract class Log<Row extends { id: number }> {
  readonly rows = signal<readonly Row[]>([]);
  readonly error = signal<unknown>(null);
  readonly loading = signal(true);
  /** There is more behind the last row. */
  readonly more = signal(false);
  readonly dropped = signal(0); // here: there were more than the page holds
  readonly missed = signal(0); // there: this page was too slow for the stream
  readonly cut = signal(""); // why the stream stands still
  readonly live = signal(false);

  protected abort = new AbortController();
  /** A fixed time of the address: nothing outside of it is asked for. */
  private since?: string;
  private until?: string;
  private timer = 0;
  private paging = false;
  private filling: object | null = null; // what the stream tells waits for it
  /** Rows change: of those in the list, too, the stream tells only what comes after it was opened. */
  protected readonly changing: boolean = false;
  private unfollow?: () => void;
  private readonly ended: () => void;

  protected constructor(
    private readonly streamPath: string,
    protected readonly filter: string,
    protected readonly most: number,
    protected readonly size: number, // rows a page
    fixed: boolean,
  ) {
    const { from, to } = range.peek();
    if (fixed) this.since = iso(from);
    if (fixed || paused.peek()) this.until = iso(to);
    queueMicrotask(() => void this.load()); // once the class below is whole
    this.ended = effect(() => this.follow(!paused.value && !hidden.value && connection.value === "up"));
  }

  protected abstract page(query: URLSearchParams, limit: number, before?: number): Promise<{ rows: Row[]; more: boolean }>;
  /** One that came. */
  protected abstract take(event: StreamEvent): void;
  /** Those that came, put into the list; undefined: none. */
  protected abstract merge(): Row[] | undefined;
  /** Whether those from the newest row on can be had from the stream after a pause. */
  protected abstract joins(newest: Row | undefined): boolean;
  protected loaded(): void {}

  close(): void {
    this.ended();
    this.abort.abort();
    this.follow(false);
    clearTimeout(this.timer);
  }

  private ask(limit: number, before?: number) {
    const query = new URLSearchParams(this.filter);
    if (this.since) query.set("since", this.since);
    if (this.until) query.set("until", this.until);
    query.set("limit", String(limit));
    return this.page(query, limit, before);
  }

  /** Everything anew. */
  async load(): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    const signal = this.abort.signal;
    this.unfollow?.(); // what came meanwhile would be lost among the rows that are asked for
    this.filling = null;
    try {
      const answer = await this.ask(this.size);
      if (signal.aborted) return;
      this.rows.value = answer.rows;
      this.more.value = answer.more;
      this.error.value = null;
      if (this.live.value) this.open();
    } catch (error) {
      if (signal.aborted) return;
      this.error.value = error;
      if (this.live.value && error instanceof ApiError && error.status >= 500) setTimeout(() => signal.aborted || void this.load(), 5000);
    }
    this.loading.value = false;
    this.loaded();
  }

  /** A page further back. */
  async back(limit = this.size): Promise<void> {
    const rows = this.rows.value;
    const last = rows[rows.length - 1];
    if (this.paging || !this.more.value || !last || rows.length >= this.most) return;
    this.paging = true;
    const signal = this.abort.signal;
    try {
      const answer = await this.ask(Math.min(limit, this.most - rows.length), last.id);
      if (signal.aborted) return;
      this.rows.value = this.rows.value.concat(answer.rows);
      this.more.value = answer.more;
    } catch (error) {
      if (!signal.aborted) this.error.value = error;
    } finally {
      this.paging = false;
    }
  }

  private follow(on: boolean): void {
    if (on === this.live.peek()) return;
    this.live.value = on;
    if (!on) {
      this.unfollow?.();
      this.filling = null;
      this.flush();
    } else if (this.until || !(this.loading.peek() || this.joins(this.rows.peek()[0]))) {
      this.until = undefined; // what is under way is asked anew: it ends where the pause began
      void this.load();
    } else if (!this.loading.peek()) this.open();
  }

  private open(): void {
    this.unfollow?.();
    this.unfollow = stream(`${this.streamPath}?${this.filter}`, {
      after: this.rows.peek()[0]?.id,
      event: (event) => {
        if (event.event === "dropped") this.missed.value += Number(JSON.parse(event.data).dropped) || 0;
        else {
          this.take(event);
          this.timer ||= setTimeout(() => this.flush(), FLUSH);
        }
      },
      state: (error) => {
        this.cut.value = error?.message ?? "";
        if (!error && (this.changing || !this.rows.peek().length)) void this.fill();
      },
    });
  }

  /** An empty list has no last row behind which the stream could go on, and a change has no number: what came before it was
   * open is asked for. */
  private async fill(): Promise<void> {
    const signal = this.abort.signal;
    const mine = (this.filling = {});
    const answer = await this.ask(this.size).catch(() => null);
    if (signal.aborted || mine !== this.filling) return;
    this.filling = null;
    const rows = this.rows.peek();
    const last = answer?.more ? answer.rows[answer.rows.length - 1]!.id : 0;
    const next = answer && answer.rows.concat(rows.filter(({ id }) => id < last));
    if (next && JSON.stringify(next) !== JSON.stringify(rows)) {
      this.rows.value = next;
      this.more.value = answer.more && (this.more.peek() || next.length === answer.rows.length);
      this.loaded();
    }
    this.flush();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.filling) return;
    const rows = this.merge();
    if (!rows) return;
    if (rows.length > this.most) {
      this.dropped.value += rows.length - this.most;
      this.more.value = true;
      rows.length = this.most;
    }
    this.rows.value = rows;
  }
}
