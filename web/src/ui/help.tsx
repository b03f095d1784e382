// The keys that work now, from the one key table.
import { characters, keys } from "../lib/keys";
import { Dialog } from "./dialog";
import "./login.css";

const NAMES: Record<string, string> = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc" };

export function Help({ onClose }: { onClose: () => void }) {
  const sections = new Map<string, Map<string, string[]>>();
  for (const key of keys.value) {
    const section = sections.get(key.section) ?? new Map<string, string[]>();
    sections.set(key.section, section);
    section.set(key.label, [...(section.get(key.label) ?? []).filter((other) => other !== key.keys), key.keys]);
  }
  return (
    <Dialog title="Keys" onClose={onClose} wide cancel="Close">
      <label class="toggle">
        <input type="checkbox" checked={characters.value} onChange={(event) => (characters.value = event.currentTarget.checked)} />
        Shortcuts of single characters
      </label>
      <div class="help-keys">
        {[...sections].map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {[...rows].map(([label, strokes]) => (
                <>
                  <dt>
                    {strokes.map((stroke, at) => (
                      <>
                        {at ? " or " : ""}
                        {(stroke === " " ? [" "] : stroke.split(" ")).map((part) => (
                          <>
                            <kbd>{NAMES[part] ?? part}</kbd>{" "}
                          </>
                        ))}
                      </>
                    ))}
                  </dt>
                  <dd>{label}</dd>
                </>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
