// The page's time range: how long, live or paused, and any part of the past by its two ends.
import { useSignal } from "@preact/signals";
import { clock } from "../lib/format";
import { now, pause, paused, range, RANGES, setFixed, setNow, setSpan, span, seconds } from "../lib/time";
import { route } from "../lib/route";
import { Dialog } from "./dialog";
import { lengthOf } from "./histogram";
import { Icon } from "./icon";

const readable = (text: string) => text.replace("m", " min").replace(/[hd]/, " $&");

/** datetime-local wants local time without a zone. */
const local = (time: number) => clock(time, true).slice(0, 19).replace(" ", "T");

function Ends({ onClose }: { onClose: () => void }) {
  const { from, to } = range.peek();
  const begin = useSignal(local(from));
  const end = useSignal(local(to));
  const wrong = useSignal("");
  const submit = () => {
    const [a, b] = [Date.parse(begin.value) / 1000, Date.parse(end.value) / 1000];
    if (!(a < b)) {
      wrong.value = "The end must be later than the beginning.";
      return;
    }
    setFixed(a, b);
    onClose();
  };
  return (
    <Dialog title="Time range" onClose={onClose} onSubmit={submit} actions={<button class="primary">Show</button>}>
      <div class="ends">
        <label>
          From
          <input type="datetime-local" step="1" required value={begin} onInput={(event) => (begin.value = event.currentTarget.value)} />
        </label>
        <label>
          To
          <input type="datetime-local" step="1" required value={end} onInput={(event) => (end.value = event.currentTarget.value)} />
        </label>
      </div>
      <p role="alert">{wrong}</p>
      <p class="muted">Local time. Dragging over a chart chooses a part of what it shows.</p>
    </Dialog>
  );
}

/** Earlier or later by half of what is shown. What ends later than now is live again, and what ends a tenth before it: who
 * went back and comes forth has looked at something meanwhile. */
export function shift(direction: -1 | 1): void {
  setNow(); // it stands while paused
  const { from, to } = range.peek();
  const by = ((to - from) / 2) * direction;
  if (direction > 0 && to + by >= now.peek() - (to - from) / 10) pause(false);
  else setFixed(from + by, to + by);
}

export function RangePicker() {
  const open = useSignal(false);
  const fixed = route.value.query.has("from") && paused.value;
  const own = RANGES.some((text) => seconds(text) === span.value) ? "" : `${span.value}s`;
  const chosen = fixed ? "fixed" : own || RANGES.find((text) => seconds(text) === span.value)!;
  const ends = () => {
    const { from, to } = range.value;
    const day = (time: number) => clock(time, true).slice(0, 10);
    const today = day(from) === day(to) && day(to) === day(Date.now() / 1000);
    const text = (time: number) => clock(time, true).slice(today ? 11 : 5, to - from < 600 ? 19 : 16);
    return `${text(from)} – ${text(to)}`;
  };
  return (
    <>
      <select
        aria-label="Time range"
        value={chosen}
        onChange={(event) => {
          const { value } = event.currentTarget;
          if (value === "choose") {
            event.currentTarget.value = chosen;
            open.value = true;
          } else if (value !== "fixed") setSpan(value);
        }}
      >
        {own && !fixed ? <option value={own}>{lengthOf(span.value)}</option> : null}
        {fixed ? <option value="fixed">{ends()}</option> : null}
        {RANGES.map((text) => (
          <option value={text}>{readable(text)}</option>
        ))}
        <option value="choose">From … to …</option>
      </select>
      <button
        type="button"
        class="live"
        aria-pressed={paused.value}
        aria-label={paused.value ? "Paused: go on live" : "Live: pause"}
        title="p"
        onClick={() => pause(!paused.value)}
      >
        {paused.value ? <Icon name="pause" size={14} /> : <span class="live-dot" />}
        <span>{paused.value ? "Paused" : "Live"}</span>
      </button>
      {open.value ? <Ends onClose={() => (open.value = false)} /> : null}
    </>
  );
}
