// What a page shows of what there is, as words of the address: a search field, chips, a choice.
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { bindKeys } from "../lib/keys";
import { plain } from "../lib/format";
import { route, setQuery } from "../lib/route";
import "./filter.css";

const PAUSE = 150; // ms after the last stroke

export interface SearchProps {
  label: string; // "Search processes"
  word?: string; // of the address; "q" when left out
  hint?: string; // in the empty field: what is looked at
  slash?: boolean; // hears `/`; true when left out: one a page
}

export function Search({ label, word = "q", hint, slash = true }: SearchProps) {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const given = route.value.query.get(word) ?? "";
  const [text, setText] = useState(given);
  const told = useRef(given); // what we wrote into the address ourselves
  // before the next stroke can be told: what comes late would put the one before back
  useLayoutEffect(() => {
    if (given !== told.current) {
      told.current = given;
      setText(given); // Back, or a link
    }
  }, [given]);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLayoutEffect(() => {
    if (!slash) return undefined;
    const run = () => {
      field.current?.focus();
      field.current?.select();
    };
    return bindKeys([{ keys: "/", label, section: "Anywhere", run }]);
  }, [slash, label]);
  const tell = (value: string, soon: boolean) => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(
      () => {
        told.current = value;
        setQuery({ [word]: value || undefined });
      },
      soon ? 0 : PAUSE,
    );
  };
  return (
    <label class="search">
      <span class="hidden">{label}</span>
      <input
        ref={field}
        type="search"
        value={text}
        placeholder={hint ?? label}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        aria-keyshortcuts={slash ? "/" : undefined}
        onInput={(event) => tell(event.currentTarget.value, false)}
        onKeyDown={(event) => {
          if (event.key === "Enter") tell(text, true);
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation();
          if (text) tell("", true);
          else field.current?.blur();
        }}
      />
    </label>
  );
}

export interface Choice {
  value: string;
  label: string;
}

/** Any of several: VALUE,VALUE in the address. */
export function Chips({ label, word, choices }: { label: string; word: string; choices: readonly string[] }) {
  const chosen = (route.value.query.get(word) ?? "").split(",").filter(Boolean);
  const press = (value: string) =>
    setQuery({ [word]: (chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]).join() || undefined });
  return (
    <div class="chips" role="group" aria-label={label}>
      {choices.map((value) => (
        <button key={value} type="button" class="chip" aria-pressed={chosen.includes(value)} onClick={() => press(value)}>
          {value}
        </button>
      ))}
    </div>
  );
}

/** Words of the address that links put there: each is shown, and taken away by a press. */
export function Words({ of }: { of: readonly string[] }) {
  const { query } = route.value;
  return (
    <>
      {of.map((word) =>
        query.get(word) ? (
          <button key={word} type="button" class="chip" aria-pressed="true" title="Remove this filter" onClick={() => setQuery({ [word]: undefined })}>
            {word}: {plain(query.get(word)!)} ×
          </button>
        ) : null,
      )}
    </>
  );
}

/** One of several, always one: a list or a tree. The first is what the address leaves out. */
export function Switch({ label, word, choices }: { label: string; word: string; choices: readonly Choice[] }) {
  const first = choices[0]!.value;
  const chosen = route.value.query.get(word) ?? first;
  return (
    <div class="switch" role="group" aria-label={label}>
      {choices.map(({ value, label: text }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === chosen}
          onClick={() => setQuery({ [word]: value === first ? undefined : value })}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

export function Choose({ label, word, choices }: { label: string; word: string; choices: readonly Choice[] }) {
  const id = useId();
  return (
    <span class="choose">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={route.value.query.get(word) ?? ""}
        onChange={(event) => setQuery({ [word]: event.currentTarget.value || undefined })}
      >
        {choices.map(({ value, label: text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </span>
  );
}

/** A box whose "on" stands in the address as WORD=1. */
export function Toggle({ label, word }: { label: string; word: string }) {
  return (
    <label class="toggle">
      <input
        type="checkbox"
        checked={route.value.query.get(word) === "1"}
        onChange={(event) => setQuery({ [word]: event.currentTarget.checked ? "1" : undefined })}
      />
      {label}
    </label>
  );
}

/** A text field for one word, written when it is left or Enter is pressed; the field of a filter. */
export function Field({ label, word }: { label: string; word: string }) {
  const given = route.value.query.get(word) ?? "";
  return (
    <label class="field">
      <span>{label}</span>
      <input
        key={given}
        type="text"
        defaultValue={given}
        spellcheck={false}
        autocomplete="off"
        onChange={(event) => setQuery({ [word]: event.currentTarget.value.trim() || undefined })}
      />
    </label>
  );
}

/** Words of a search: all must be found, `!word` must not. Case does not matter. */
export function matcher(text: string): (hay: string) => boolean {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word && word !== "!");
  if (!words.length) return () => true;
  return (hay) => {
    const low = hay.toLowerCase();
    return words.every((word) => (word.startsWith("!") ? !low.includes(word.slice(1)) : low.includes(word)));
  };
}
