// Short words about what was done, in a live region. Bad news stays until it is put away.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { ApiError } from "../lib/api";
import { plain } from "../lib/format";
import "./toast.css";

export type ToastKind = "info" | "good" | "bad";

interface Toast {
  id: number;
  text: string;
  kind: ToastKind;
  action?: { label: string; run: () => void };
}

const MOST = 4;
const STAYS = 6000;
const shown = signal<readonly Toast[]>([]);
let next = 1;

function close(id: number): void {
  shown.value = shown.value.filter((each) => each.id !== id);
}

export function toast(text: string, kind: ToastKind = "info", action?: Toast["action"]): void {
  const id = next++;
  const same = shown.value.filter((each) => each.text !== text); // said once is enough
  shown.value = [...same, { id, text, kind, action }].slice(-MOST);
  if (kind !== "bad") setTimeout(() => close(id), action ? STAYS * 2 : STAYS);
}

/** What a request threw, as a toast. */
export function toastError(error: unknown, doing: string): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const message = error instanceof ApiError || error instanceof Error ? error.message : String(error);
  toast(`${doing}: ${plain(message)}`, "bad");
}

/** Stands once in the shell. */
export function Toasts(): ComponentChildren {
  return (
    <div class="toasts" role="status" aria-live="polite" aria-atomic="false">
      {shown.value.map(({ id, text, kind, action }) => (
        <div key={id} class={`toast tone-${kind}`}>
          <span aria-hidden="true">{{ info: "ⓘ", good: "✓", bad: "✕" }[kind]}</span>
          <span>{text}</span>
          {action ? (
            <button
              type="button"
              onClick={() => {
                close(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          ) : null}
          <button type="button" class="icon" aria-label="Close this message" onClick={() => close(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
