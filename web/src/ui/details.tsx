// The panel of what was opened, beside the table on wide screens, over it on narrow ones. Escape closes it.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
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
  useLayoutEffect(() => bindKeys([{ keys: "Escape", label: "Close the details", section: "Tables", run: () => latest.current() }]), []);
  useEffect(() => {
    box.current?.querySelector(".details-body")?.scrollTo(0, 0);
  }, [title]);
  return (
    <aside class="details card" aria-labelledby={id} ref={box}>
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
        value || value === 0 ? (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ) : null,
      )}
    </dl>
  );
}

/** A text of the host, as it stands. */
export const mono = (text: string | undefined) => text && <span class="mono">{plain(text)}</span>;

const LONG = 300;

/** The same, in full when it is asked for. */
export function Long({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > LONG * 1.3;
  return (
    <>
      {mono(cut ? text.slice(0, LONG) : text)}
      {cut ? (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          … {text.length - LONG} more
        </button>
      ) : null}
    </>
  );
}

/** A value as the agent told it. */
export const Raw = ({ of }: { of: unknown }) => (
  <>
    <h3>As it came</h3>
    <pre class="raw" tabIndex={0}>
      {JSON.stringify(of, null, 1).split("\n").map(plain).join("\n")}
    </pre>
  </>
);
