// A form of any module, made of its fields. The values are the parameters themselves; what is empty is not in them.
import { useId, useState } from "preact/hooks";
import { plain } from "../lib/format";
import { keyOf, type FieldOf, type Parameters } from "../lib/fields";
import "./form.css";

export interface Problem {
  path: string; // as the API tells it: "parameters.searches.s1.paths"
  message: string;
}

interface InputProps {
  field: FieldOf;
  value: unknown;
  path: string;
  problem?: Problem;
  onChange: (value: unknown) => void;
}

const isSet = (value: unknown): boolean => value !== undefined && value !== "";
const HINTS: Record<string, string> = { duration: "10s, 5m", size: "64m", time: "2026-01-31T12:00:00Z", hex: "00ff" };

/** One scalar, or a list of them: a line each. */
function Scalar({ field, value, path, problem, onChange }: InputProps) {
  const id = useId();
  const bad = problem?.path === path || problem?.path.startsWith(`${path}[`);
  const common = { id, "aria-describedby": `${id}-help`, "aria-invalid": bad || undefined, "aria-required": field.required || undefined };
  const number = /^u?int$|^double$/.test(field.type);
  const read = (text: string): unknown => (number && text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text || undefined);
  const hint = field.default ?? field.cli_default ?? HINTS[field.type];
  let input;
  if (field.type === "bool") {
    input = <input type="checkbox" {...common} checked={value === true} onChange={(event) => onChange(event.currentTarget.checked || (field.cli_default === "true" ? false : undefined))} />;
  } else if (field.type === "any") {
    input = <Json common={common} value={value} onChange={onChange} />;
  } else if (field.container) {
    const list = field.container === "list";
    const text = list
      ? ((value as unknown[] | undefined) ?? []).join("\n")
      : Object.entries((value as object | undefined) ?? {}).map((pair) => pair.join("=")).join("\n");
    const lines = (given: string) =>
      list ? given.split("\n").map(read) : Object.fromEntries(given.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
    input = <textarea {...common} rows={Math.min(6, Math.max(1, text.split("\n").length))} value={text} placeholder={field.values?.join(", ") ?? (list ? "one a line" : "NAME=VALUE, one a line")} onChange={(event) => onChange(event.currentTarget.value.trim() ? lines(event.currentTarget.value) : undefined)} />;
  } else if (field.values) {
    input = (
      <select {...common} value={String(value ?? "")} onChange={(event) => onChange(event.currentTarget.value || undefined)}>
        <option value="">{field.default ? `${field.default} (default)` : "–"}</option>
        {field.values.map((each) => <option key={each}>{each}</option>)}
      </select>
    );
  } else {
    input = <input {...common} type="text" inputMode={number ? "decimal" : undefined} spellcheck={false} autocomplete="off" value={String(value ?? "")} placeholder={hint} onChange={(event) => onChange(read(event.currentTarget.value))} />;
  }
  return (
    <div class={field.type === "bool" ? "f-row f-box" : "f-row"}>
      <label for={id}>
        {keyOf(field)}
        {field.required ? <span class="f-required"> required</span> : null}
      </label>
      {input}
      <p id={`${id}-help`} class="muted">
        {field.help}
        {bad ? <strong class="f-bad"> {plain(problem!.message.replace(/^[\w.[\]-]+: /, ""))}</strong> : null}
      </p>
    </div>
  );
}

function Json({ common, value, onChange }: { common: object; value: unknown; onChange: (value: unknown) => void }) {
  const [wrong, setWrong] = useState(false);
  const take = (text: string) => {
    try {
      onChange(text.trim() ? JSON.parse(text) : undefined);
      setWrong(false);
    } catch {
      setWrong(true);
    }
  };
  return (
    <>
      <textarea {...common} rows={5} value={value === undefined ? "" : JSON.stringify(value, null, 1)} onChange={(event) => take(event.currentTarget.value)} />
      {wrong ? <strong class="f-bad">This is no JSON</strong> : null}
    </>
  );
}

/** A map of records by label: each is a group that can be renamed and removed. */
function Entries({ field, value, path, problem, onChange }: InputProps) {
  const first = field.entry ?? "a";
  const entries = Object.entries((value as Record<string, Parameters> | undefined) ?? { [first]: {} });
  const put = (list: [string, Parameters][]) => onChange(Object.fromEntries(list));
  return (
    <>
      {entries.map(([label, entry], at) => (
        <fieldset key={at}>
          <legend>
            <input type="text" aria-label={`Name of ${keyOf(field)} ${at + 1}`} value={label} onChange={(event) => put(entries.map((each, i) => (i === at ? [event.currentTarget.value || label, each[1]] : each)))} />
            {entries.length > 1 ? <button type="button" class="quiet" onClick={() => put(entries.filter((_, i) => i !== at))}>Remove</button> : null}
          </legend>
          <Fields fields={field.fields ?? []} values={entry} path={`${path}.${label}`} problem={problem} onChange={(next) => put(entries.map((each, i) => (i === at ? [label, next] : each)))} />
        </fieldset>
      ))}
      <button type="button" onClick={() => put([...entries, [`${first.replace(/\d+$/, "")}${entries.length + 1}`, {}]])}>
        Add to {keyOf(field)}
      </button>
    </>
  );
}

export interface FieldsProps {
  fields: readonly FieldOf[];
  values: Parameters;
  path?: string; // of the record within the request, for problems
  problem?: Problem;
  onChange: (values: Parameters) => void;
}

const FIRST = 4; // that are shown without asking

/** What is required or has a value stands first; the rest waits folded. */
export function Fields({ fields, values, path = "parameters", problem, onChange }: FieldsProps) {
  const [front] = useState(() => {
    const chosen = fields.filter((field) => field.required || field.positional || isSet(values[keyOf(field)]) || (field.type === "record" && field.container));
    const room = Math.max(0, fields.length <= FIRST + 2 ? fields.length : FIRST - chosen.length);
    return new Set([...chosen, ...fields.filter((field) => field.type !== "record" && !chosen.includes(field)).slice(0, room)]);
  });
  const one = (field: FieldOf) => {
    const key = keyOf(field);
    const props = { field, value: values[key], path: `${path}.${key}`, problem, onChange: (value: unknown) => onChange({ ...values, [key]: value }) };
    if (field.type !== "record") return <Scalar key={key} {...props} />;
    if (field.container === "list") return <Scalar key={key} {...props} field={{ ...field, type: "any", container: undefined }} />;
    if (field.container) return <Entries key={key} {...props} />;
    return <Fields key={key} fields={field.fields ?? []} values={(props.value as Parameters | undefined) ?? {}} path={props.path} problem={problem} onChange={props.onChange} />;
  };
  const rest = fields.filter((field) => !front.has(field));
  return (
    <>
      {fields.filter((field) => front.has(field)).map(one)}
      {rest.length ? (
        <details open={rest.some((field) => problem?.path.startsWith(`${path}.${keyOf(field)}`)) || undefined}>
          <summary>More: {rest.slice(0, 3).map(keyOf).join(", ")}{rest.length > 3 ? ` and ${rest.length - 3} others` : ""}</summary>
          {rest.map(one)}
        </details>
      ) : null}
    </>
  );
}
