// A module's parameters as its descriptor tells them (GET /v1/modules/NAME), and what they are on the command line.

export interface FieldOf {
  name: string;
  json?: string;
  type: string;
  container?: "list" | "map";
  help?: string;
  fields?: readonly FieldOf[]; // of a record
  values?: readonly string[]; // of an enum
  default?: string;
  cli_default?: string;
  metavar?: string;
  option?: string; // "" is no flag
  negative_option?: string;
  required?: boolean;
  positional?: boolean;
  entry?: string; // label of the one entry, when none is given
  entry_option?: string;
}

export type Parameters = Record<string, unknown>;

export const keyOf = (field: FieldOf): string => field.json ?? field.name;
const flagOf = (field: FieldOf): string => `--${(field.option ?? keyOf(field)).replace(/_/g, "-")}`;

/** One word of a POSIX shell. */
export const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

/** Has it a form for shells at all? Lists and maps of records have only those of a message. */
function words(fields: readonly FieldOf[], values: Parameters, out: string[]): boolean {
  for (const field of fields) {
    const value = values[keyOf(field)];
    if (value === undefined) continue;
    if (field.type === "record" && !field.container) {
      if (!words(field.fields ?? [], value as Parameters, out)) return false;
    } else if (field.type === "record") {
      if (field.container !== "map" || !field.entry_option) return false;
      for (const [label, entry] of Object.entries(value as Record<string, Parameters>)) {
        if (label !== field.entry || Object.keys(value as object).length > 1) out.push(`--${field.entry_option}`, quoted(label));
        if (!words(field.fields ?? [], entry, out)) return false;
      }
    } else if (field.container === "map" || field.option === "") {
      return false;
    } else {
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each === true) out.push(flagOf(field));
        else if (each === false) out.push(field.negative_option ? `--${field.negative_option}` : `${flagOf(field)}=false`);
        else {
          const word = quoted(typeof each === "object" ? JSON.stringify(each) : String(each));
          out.push(...(field.positional && !word.startsWith("-") ? [word] : [flagOf(field), word]));
        }
      }
    }
  }
  return true;
}

/** The same question for a shell: flags, or a message where flags cannot say it. */
export function commandLine(module: string, fields: readonly FieldOf[], values: Parameters): string {
  const out = ["tarsier", module];
  if (words(fields, values, out)) return out.join(" ");
  return `echo ${quoted(JSON.stringify({ class: "parameters", parameters: values }))} | tarsier -m ${module}`;
}

/** Without what says nothing: undefined, empty texts, lists and records. */
export function clean(value: unknown): unknown {
  if (value === "" || value === undefined || value === null) return undefined;
  if (Array.isArray(value)) {
    const list = value.map(clean).filter((each) => each !== undefined);
    return list.length ? list : undefined;
  }
  if (typeof value !== "object") return value;
  const pairs = Object.entries(value).map(([name, each]) => [name, clean(each)] as const);
  const kept = pairs.filter(([, each]) => each !== undefined);
  return kept.length ? Object.fromEntries(kept) : undefined;
}

/** Path of the first field that has to have a value and has none; a map has its first entry even when that is empty. */
export function lacking(fields: readonly FieldOf[], values: Parameters, path = "parameters"): string | undefined {
  for (const field of fields) {
    const value = values[keyOf(field)];
    const here = `${path}.${keyOf(field)}`;
    if (field.required && value === undefined) return here;
    if (field.type !== "record" || field.container === "list") continue;
    const entries = field.container ? Object.entries((value as Record<string, Parameters> | undefined) ?? (field.entry ? { [field.entry]: {} } : {})) : [["", value ?? {}] as const];
    for (const [label, entry] of entries) {
      const found = lacking(field.fields ?? [], entry as Parameters, label ? `${here}.${label}` : here);
      if (found) return found;
    }
  }
  return undefined;
}
