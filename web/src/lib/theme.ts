// auto follows the system; the others stand in localStorage and as data-theme on <html>, which style.css reads.
import { effect, signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "tarsier-theme";
const stored = localStorage.getItem(KEY) as Theme | null;
export const theme = signal<Theme>(stored && THEMES.includes(stored) ? stored : "auto");
/** Changes when colours do: charts, which paint on a canvas, are drawn anew. */
export const painted = signal(0);

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem(KEY, theme.value);
  painted.value = painted.peek() + 1;
});
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"])
  matchMedia(query).addEventListener("change", () => painted.value++);

/** The value of a custom property: color("--series-1"). */
export const color = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
