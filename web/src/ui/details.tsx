// The panel of what was opened, beside the table on wide screens, over it on narrow ones. Escape closes it.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { plain } from "../lib/format";
import { bindKeys } from "../lib/keys";
import "./details.css";

export interface DetailsProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Details({ title, onClose, children }: DetailsProps) {
  const id = useId();
  const box = useRef<HTMLElement>(null);
  const close = () => {
    const inside = box.current?.contains(document.activeElement);
    onClose();
    if (inside) document.querySelector<HTMLElement>(".t-scroll")?.focus({ preventScroll: true });
  };
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => bindKeys([{ keys: "Escape", label: "Close the details", section: "Tables", run: () => latest.current() }]), []);
  useEffect(() => {
    box.current?.querySelector(".details-body")?.scrollTo(0, 0);
  }, [title]);
  return (
    <aside class="details" aria-labelledby={id} ref={box}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" class="icon" aria-label="Close the details" onClick={close}>
          ×
        </button>
      </header>
      <div class="details-body" tabIndex={0} role="region" aria-labelledby={id}>
        {children}
      </div>
    </aside>
  );
}

/** Names and values; those that are undefined, null, "" or false are left out. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) =>
        value === undefined || value === null || value === "" || value === false ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

const LONG = 300;

/** A text of the host, in full when it is asked for. */
export function Long({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > LONG * 1.3;
  return (
    <span class="mono">
      {plain(cut ? text.slice(0, LONG) : text)}
      {cut ? (
        <button type="button" class="more" onClick={() => setAll(true)}>
          … {text.length - LONG} more
        </button>
      ) : null}
    </span>
  );
}
