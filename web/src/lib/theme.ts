// auto follows the system. What comes of it (light, dark or contrast) stands as data-theme on <html>, which style.css reads.
import { effect, signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark", "contrast"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "tarsier-theme";
const stored = localStorage.getItem(KEY) as Theme | null;
export const theme = signal<Theme>(stored && THEMES.includes(stored) ? stored : "auto");
/** Changes when colours do: charts, which paint on a canvas, are drawn anew. */
export const painted = signal(0);

const dark = matchMedia("(prefers-color-scheme: dark)");
const more = matchMedia("(prefers-contrast: more)");

function paint(): void {
  const auto = more.matches ? "contrast" : dark.matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme.value === "auto" ? auto : theme.value;
  known.clear();
  painted.value = painted.peek() + 1;
}
const known = new Map<string, string>(); // asked of the style once a theme: charts ask often

effect(() => {
  localStorage.setItem(KEY, theme.value);
  paint();
});
for (const query of [dark, more]) query.addEventListener("change", paint);

/** The value of a custom property: color("--series-1"). */
export function color(name: string): string {
  let value = known.get(name);
  if (value === undefined) known.set(name, (value = getComputedStyle(document.documentElement).getPropertyValue(name).trim()));
  return value;
}
