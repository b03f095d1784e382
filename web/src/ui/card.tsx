// A part of a page with its heading, and a link to where there is more of it.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export function Card({ title, more, children, class: kind = "" }: { title: string; more?: ComponentChildren; children: ComponentChildren; class?: string }) {
  const id = useId();
  return (
    <section class={`card ${kind}`} aria-labelledby={id}>
      <h2>
        <span id={id}>{title}</span> {more}
      </h2>
      {children}
    </section>
  );
}
