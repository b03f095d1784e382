// Runs that are kept under a name, by hand or by the clock.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { request } from "../../lib/api";
import type { Parameters } from "../../lib/fields";
import { plain } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { go, hrefOf } from "../../lib/route";
import { AllowedButton } from "../../ui/allowed";
import { confirm, Dialog } from "../../ui/dialog";
import { toast, toastError } from "../../ui/toast";

export interface Saved {
  name: string;
  module: string;
  parameters?: Parameters;
  description?: string;
  every?: string;
  cron?: string;
}

export function SaveDialog({ module, parameters, onClose }: { module: string; parameters: Parameters; onClose: () => void }) {
  const [words, setWords] = useState({ name: "", description: "", every: "", cron: "" });
  const [wrong, setWrong] = useState("");
  const save = async () => {
    const { name, ...rest } = words;
    try {
      const given = Object.fromEntries(Object.entries(rest).filter(([, text]) => text));
      await request(`/v1/saved/${encodeURIComponent(name)}`, { method: "PUT", body: { module, parameters, ...given } });
      toast(`Saved as ${name}`, "good");
      onClose();
    } catch (error) {
      setWrong((error as Error).message);
    }
  };
  const field = (key: keyof typeof words, label: string, hint: string) => (
    <p>
      <label>
        {label}
        <input type="text" value={words[key]} placeholder={hint} required={key === "name"} spellcheck={false} onInput={(event) => setWords({ ...words, [key]: event.currentTarget.value })} />
      </label>
    </p>
  );
  return (
    <Dialog title={`Save this ${module}`} onClose={onClose} onSubmit={() => void save()} actions={<button type="submit" class="primary">Save</button>}>
      {field("name", "Name", "letters, digits, . _ -")}
      {field("description", "What it is for", "")}
      {field("every", "Run every", "15m; empty: only by hand")}
      {field("cron", "Or at", "30 3 * * mon-fri")}
      {wrong ? <p role="alert" class="f-bad">{plain(wrong)}</p> : null}
    </Dialog>
  );
}

export function SavedList() {
  const { value, again } = useLoad<{ saved: Saved[] }>((abort) => request("/v1/saved", { signal: abort }), []);
  const busy = useRef("");
  const gone = useRef(false);
  useLayoutEffect(() => () => void (gone.current = true), []);
  const act = async (path: string, method: string, done: (answer: { run?: string }) => void) => {
    if (busy.current === path) return; // pressed twice is one run
    busy.current = path;
    try {
      const answer = await request<{ run?: string }>(path, { method });
      if (gone.current) return; // nobody is taken back
      done(answer);
      again();
    } catch (error) {
      toastError(error, "Saved runs");
    } finally {
      busy.current = "";
    }
  };
  const remove = async (name: string) => {
    const text = "It is not run by the clock any more. What its runs found stays in the run log.";
    if (await confirm({ title: `Remove ${name}?`, text, action: "Remove", danger: true }))
      await act(`/v1/saved/${name}`, "DELETE", () => {
        toast(`${name} was removed`);
        document.getElementById("main")?.focus({ preventScroll: true }); // its card goes, with what had the focus
      });
  };
  if (!value?.saved?.length) return null;
  return (
    <section aria-labelledby="saved">
      <h2 id="saved">Saved</h2>
      <ul class="modules">
        {value.saved.map(({ name, module, parameters, description, every, cron }) => (
          <li key={name} class="card">
            <a href={hrefOf("investigate", module, { p: parameters && JSON.stringify(parameters) })}>{name}</a>
            <p class="muted">
              {plain(description ?? "")} {module}
              {every || cron ? `, ${every ? `every ${every}` : `at ${cron}`}` : ""}
            </p>
            <AllowedButton role="investigator" doing="running modules" onPress={() => void act(`/v1/saved/${name}/run`, "POST", ({ run }) => go("investigate", `${module}/${run}`, { p: parameters && JSON.stringify(parameters) }))}>Run</AllowedButton>
            <AllowedButton role="investigator" doing="removing what is saved" class="quiet" onPress={() => void remove(name)}>Remove …</AllowedButton>
          </li>
        ))}
      </ul>
    </section>
  );
}
