// Native <dialog>: the browser keeps the focus inside, hears Escape, and gives the focus back at the end.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import "./dialog.css";

export interface DialogProps {
  title: string;
  onClose: () => void; // Escape, the cross, or a press outside
  children: ComponentChildren;
  /** The buttons at the end; `Cancel` is there already. */
  actions?: ComponentChildren;
  /** The whole is a form: Enter in a field submits. */
  onSubmit?: () => void;
  wide?: boolean;
  cancel?: string; // its word; "" leaves it out
}

/** Is open for as long as it is drawn: {open ? <Dialog …/> : null}. */
export function Dialog({ title, onClose, children, actions, onSubmit, wide, cancel = "Cancel" }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  // not after the next frame: the key that comes next is the dialog's
  useLayoutEffect(() => {
    const at = box.current!;
    const before = document.activeElement as HTMLElement | null;
    at.showModal();
    const first = at.querySelector<HTMLElement>("[autofocus], .dialog-body :is(input, select, textarea, button), footer button");
    first?.focus(); // not the cross, which comes first in the page
    return () => {
      at.close();
      // showModal's own way back does not work for an element that was taken out of the page while open
      if (before?.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const inside = (
    <>
      <div class="dialog-body">{children}</div>
      {actions || cancel ? (
        <footer>
          {cancel ? (
            <button type="button" onClick={onClose}>
              {cancel}
            </button>
          ) : null}
          {actions}
        </footer>
      ) : null}
    </>
  );
  return (
    <dialog
      ref={box}
      class={wide ? "wide" : undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={(event) => {
        // the stroke that opened it, held a little long, is not its answer
        if (event.repeat && event.key === "Enter" && (event.target as Element).tagName !== "TEXTAREA") event.preventDefault();
      }}
      onPointerDown={(event) => {
        if (event.target === box.current) onClose(); // the backdrop belongs to the dialog's own box
      }}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      {onSubmit ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {inside}
        </form>
      ) : (
        inside
      )}
    </dialog>
  );
}

export interface Question {
  title: string;
  text: ComponentChildren;
  action: string; // the word on the button that does it: "Delete", never "OK"
  danger?: boolean;
}

const asked = signal<{ question: Question; answer: (yes: boolean) => void } | null>(null);

/** `if (await confirm({…}))`; one question at a time, the next one says no to the one before. */
export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      question,
      answer: (yes) => {
        asked.value = null;
        resolve(yes);
      },
    };
  });
}

/** Stands once in the shell. */
export function Dialogs() {
  const now = asked.value;
  if (!now) return null;
  const { question, answer } = now;
  return (
    <Dialog
      title={question.title}
      onClose={() => answer(false)}
      actions={
        <button type="button" class={question.danger ? "danger" : "primary"} onClick={() => answer(true)}>
          {question.action}
        </button>
      }
    >
      {question.text}
    </Dialog>
  );
}
