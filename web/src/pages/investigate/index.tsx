// Any module by a form made of its fields: run it, follow it, keep it, copy it.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, modules, request, type ModuleSummary } from "../../lib/api";
import { clean, commandLine, lacking, type FieldOf, type Parameters } from "../../lib/fields";
import { plain } from "../../lib/format";
import { bindKeys } from "../../lib/keys";
import { useLoad } from "../../lib/load";
import { go, hrefOf, route } from "../../lib/route";
import { AllowedButton, whyNot } from "../../ui/allowed";
import { Empty, Failed, Loading } from "../../ui/empty";
import { Search } from "../../ui/filter";
import { Fields, type Problem } from "../../ui/form";
import { Runs } from "../../ui/runs";
import { copyText } from "../../ui/table";
import { toast, toastError } from "../../ui/toast";
import type { Page } from "../pages";
import { RunResult } from "./run";
import { SaveDialog, SavedList } from "./saved";
import "./investigate.css";

interface Descriptor extends ModuleSummary {
  description?: string;
  parameters: { fields: readonly FieldOf[] };
  examples?: readonly { command: string; what: string }[];
}

const NEEDED = (module: ModuleSummary): "investigator" | "admin" => (module.role === "admin" ? "admin" : "investigator");

const FIRST = ["report", "host", "investigate", "net"]; // areas; the others follow by name

function List() {
  const q = (route.value.query.get("q") ?? "").toLowerCase();
  const offered = [...modules.value.values()].filter((each) => !each.persistent && `${each.name} ${each.summary} ${each.area}`.toLowerCase().includes(q));
  const rank = (area: string) => `${FIRST.indexOf(area) + 1 || 9}${area}`;
  const areas = [...new Set(offered.map((each) => each.area))].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return (
    <div class="page">
      <div class="bar">
        <h1>Investigate</h1>
        <Search label="Search modules" hint="What do you want to know?" />
      </div>
      {q ? null : <SavedList />}
      {areas.map((area) => (
        <section key={area} aria-labelledby={`area-${area}`}>
          <h2 id={`area-${area}`}>{area}</h2>
          <ul class="modules">
            {offered.filter((each) => each.area === area).map(({ name, summary }) => (
              <li key={name} class="card">
                <a href={hrefOf("investigate", name)}>{name}</a>
                <p class="muted">{summary}</p>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {offered.length ? null : <Empty title="No module fits">Their names, areas and what they do are searched.</Empty>}
    </div>
  );
}

function given(): Parameters {
  try {
    const value: unknown = JSON.parse(route.value.query.get("p") ?? "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Parameters) : {};
  } catch {
    return {}; // typed by hand
  }
}

function Module({ module, run }: { module: Descriptor; run: string }) {
  const address = route.value.query.get("p") ?? "";
  const [values, setValues] = useState(given);
  const [problem, setProblem] = useState<Problem>();
  const [saving, setSaving] = useState(false);
  const [turn, setTurn] = useState(0);
  const told = useRef(""); // what we wrote into the address ourselves: fields may have changed since it was asked
  useLayoutEffect(() => {
    if (address && address !== told.current && address !== JSON.stringify(clean(values) ?? {})) {
      setValues(given()); // Back, or a link
      setTurn((n) => n + 1);
    }
    told.current = "";
  }, [address]);
  const parameters = useMemo(() => (clean(values) ?? {}) as Parameters, [values]);
  const { fields } = module.parameters;
  const role = NEEDED(module);
  const doing = `running ${module.name}`;
  const missing = module.local_only ? `${module.name} shows contents of the host and runs only there, or for a token that names it` : undefined;
  const busy = useRef(false);
  const gone = useRef(false);
  useLayoutEffect(() => () => void (gone.current = true), []);
  const start = async () => {
    if (busy.current) return undefined; // pressed twice is one run
    const no = whyNot({ role, doing });
    if (no) return toast(`Refused: ${no}`, "bad");
    const path = lacking(fields, parameters);
    setProblem(path ? { path, message: `${path}: is required` } : undefined);
    if (path) return;
    busy.current = true;
    try {
      const { run: id } = await request<{ run: string }>("/v1/runs", { body: { module: module.name, parameters } });
      if (gone.current) return toast(`${module.name} was started`); // nobody is taken back to it
      go("investigate", `${module.name}/${id}`, { p: (told.current = JSON.stringify(parameters)) });
    } catch (error) {
      if (error instanceof ApiError && error.path) setProblem({ path: error.path, message: error.message });
      else toastError(error, module.name);
    } finally {
      busy.current = false;
    }
  };
  useLayoutEffect(() => bindKeys([{ keys: "r", label: "Run the module", section: "Investigate", run: () => void start() }]));
  return (
    <div class="page">
      <div class="bar">
        <h1>{module.name}</h1>
        <a href={hrefOf("investigate")}>All modules</a>
      </div>
      <p class="muted">{module.summary}{missing ? `. ${missing}` : ""}</p>
      <form
        class="card"
        aria-label={`Parameters of ${module.name}`}
        onSubmit={(event) => {
          event.preventDefault();
          // a field that still has the focus has not told its change yet
          (document.activeElement as HTMLElement | null)?.dispatchEvent(new Event("change", { bubbles: true }));
          setTimeout(() => document.querySelector<HTMLButtonElement>("#run")?.click());
        }}
      >
        <Fields key={turn} fields={fields} values={values} problem={problem} onChange={setValues} />
        {problem ? <p role="alert" class="f-bad">{plain(problem.message)}</p> : null}
        <div class="bar">
          <button type="submit" class="hidden" tabIndex={-1}>Run</button>
          <button type="button" id="run" class={whyNot({ role, doing }) ? "locked" : "primary"} title={whyNot({ role, doing }) || undefined} onClick={() => void start()}>Run</button>
          <AllowedButton role="investigator" doing="saving a run" onPress={() => setSaving(true)}>Save …</AllowedButton>
          <button type="button" onClick={() => void copyText(commandLine(module.name, fields, parameters), "The command")}>Copy as command</button>
          <button type="button" onClick={() => void copyText(JSON.stringify({ module: module.name, parameters }), "The request")}>Copy as JSON</button>
        </div>
      </form>
      {run ? <RunResult key={run} id={run} /> : null}
      <section aria-labelledby="before">
        <h2 id="before">{run ? "Other runs" : "Runs"} of {module.name}</h2>
        <Runs module={module.name} />
      </section>
      {saving ? <SaveDialog module={module.name} parameters={parameters} onClose={() => setSaving(false)} /> : null}
    </div>
  );
}

function View() {
  const [name = "", asked = ""] = route.value.rest.split("/");
  const run = /^[\w-]*$/.test(asked) ? asked : ""; // it becomes part of a path
  const { value, error, again } = useLoad<Descriptor | null>((abort) => (name ? request(`/v1/modules/${encodeURIComponent(name)}`, { signal: abort }) : Promise.resolve(null)), [name]);
  if (!name) return <List />;
  if (error) return <div class="page"><h1>{plain(name)}</h1><Failed what="The module" error={error} retry={again} /></div>;
  return value && value.name === name ? <Module key={name} module={value} run={run} /> : <div class="page"><h1>{plain(name)}</h1><Loading what="the module" /></div>;
}

export const investigate: Page = { name: "investigate", title: "Investigate", key: "i", needs: [], View };
