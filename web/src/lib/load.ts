// What a component asks of the API: asked again when what it depends on changes, and dropped when nobody waits any more.
import { useCallback, useEffect, useState } from "preact/hooks";
import { effect, untracked } from "@preact/signals";
import { connection } from "./api";
import { hidden } from "./feed";
import { paused } from "./time";

export interface Loaded<T> {
  value: T | undefined; // stays until the next one is there
  error: unknown;
  loading: boolean;
  again: () => void;
}

/** `every`: seconds between two askings; left out: once. Nothing is asked while the page is hidden or the agent does not
 * answer, and but once while it is paused. */
export function useLoad<T>(load: (abort: AbortSignal) => Promise<T>, on: readonly unknown[], every?: number): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: unknown; on?: readonly unknown[] }>({});
  const [turn, setTurn] = useState(0);
  const known = (of: typeof state) => (of.on?.every((each, at) => each === on[at]) ? of : {}); // not what was asked for before
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let owed = true;
    const ask = async () => {
      if (owed || (every && !paused.peek()))
        try {
          owed = false;
          const value = await load(abort.signal);
          if (!abort.signal.aborted) setState({ value, on });
        } catch (error) {
          owed = connection.peek() !== "up"; // asked again when it is there
          if (!abort.signal.aborted) setState((old) => ({ value: known(old).value, error, on }));
        }
      clearTimeout(timer);
      if (every && !abort.signal.aborted && awake()) timer = setTimeout(() => void ask(), every * 1000);
    };
    const awake = () => !hidden.value && connection.value === "up";
    const end = effect(() => {
      clearTimeout(timer);
      if (awake()) untracked(() => void ask());
    });
    return () => {
      end();
      abort.abort();
      clearTimeout(timer);
    };
  }, [...on, turn, every]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  const { value, error, on: asked }: typeof state = known(state);
  return { value, error, loading: !asked, again };
}
