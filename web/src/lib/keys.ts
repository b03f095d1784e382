// The one key table of the page. What is registered works and stands in the `?` dialog; nothing else does. A key is "/"
// or "g o" (two strokes within a second) or "Escape"; in a text field only Escape is heard.
import { effect, signal } from "@preact/signals";

export interface Key {
  keys: string;
  label: string;
  section: string; // "Anywhere", or a page's title
  run: (event: KeyboardEvent) => void;
}

export const keys = signal<readonly Key[]>([]);

/** Until the function that is returned is called: useLayoutEffect(() => bindKeys([...]), []), so that what is drawn hears the
 * key that is pressed at once. The newest binding wins. */
export function bindKeys(more: readonly Key[]): () => void {
  keys.value = [...keys.value, ...more];
  return () => {
    keys.value = keys.value.filter((key) => !more.includes(key));
  };
}

/** Shortcuts of single characters can be turned off (WCAG 2.1.4): speech input types them by accident. */
export const characters = signal(localStorage.getItem("tarsier-keys") !== "off");
effect(() => localStorage.setItem("tarsier-keys", characters.value ? "on" : "off"));

let before = "";
let beforeTime = 0;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
  !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type ?? "");

/** What has the focus means something by this key itself: a button, a link, a box, a region that scrolls. */
const isOwn = (target: EventTarget | null, key: string): boolean =>
  target instanceof Element &&
  (/^(Enter| )$/.test(key) ? target.matches("a, button, input, summary") : key.startsWith("Arrow") && target.matches("input, [tabindex='0']"));

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if ((isTyping(event.target) && event.key !== "Escape") || isOwn(event.target, event.key)) return;
  if (document.querySelector("dialog[open]") && event.key !== "?") return; // a dialog hears its own keys
  if (!characters.value && event.key.length === 1 && event.key !== " ") return;
  const pair = event.timeStamp - beforeTime < 1000 ? `${before} ${event.key}` : "";
  before = event.key;
  beforeTime = event.timeStamp;
  const newest = [...keys.value].reverse();
  const found = newest.find((key) => key.keys === pair) ?? newest.find((key) => key.keys === event.key);
  if (!found) return;
  before = "";
  event.preventDefault();
  found.run(event);
});
