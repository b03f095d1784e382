// All state of the page stands in the address: #/PAGE/REST?name=value. Going back goes back.
import { computed, signal } from "@preact/signals";

export interface Route {
  page: string; // "" is the first page
  rest: string; // behind the page's name, decoded, without the leading slash: a container's path, a run's ID
  query: ReadonlyMap<string, string>;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [page = "", ...rest] = path.split("/");
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // typed by hand
    }
  };
  return { page: decode(page), rest: rest.map(decode).join("/"), query: new Map(new URLSearchParams(query)) };
}

/** Names that the shell owns and that go along from page to page: the time range. */
const KEPT = ["range", "from", "to", "paused"];

export function hrefOf(page: string, rest = "", query: Record<string, string | undefined> = {}): string {
  const words = new URLSearchParams();
  for (const name of KEPT) {
    const value = route.value.query.get(name);
    if (value && !(name in query)) words.set(name, value);
  }
  for (const [name, value] of Object.entries(query)) if (value) words.set(name, value);
  const tail = rest ? `/${rest.split("/").map(encodeURIComponent).join("/")}` : "";
  const text = words.toString();
  return `#/${page}${tail}${text ? `?${text}` : ""}`;
}

export const route = signal<Route>(parseRoute(location.hash));

let known = location.hash;
/** At once: what is done next, which may be before the event, begins from here. */
function follow(): void {
  if (location.hash !== known) route.value = parseRoute((known = location.hash));
}
window.addEventListener("hashchange", follow);

export function go(page: string, rest = "", query: Record<string, string | undefined> = {}): void {
  follow();
  location.hash = hrefOf(page, rest, query);
  follow();
}

/** Changes words of the query in place; undefined or "" takes one away. `push`: a step that Back undoes. */
export function setQuery(words: Record<string, string | undefined>, push = false): void {
  follow();
  const { page, rest, query } = route.value;
  const all: Record<string, string | undefined> = Object.fromEntries(query);
  const hash = hrefOf(page, rest, { ...all, ...words });
  if (hash === location.hash) return;
  if (push) location.hash = hash;
  else history.replaceState(null, "", hash);
  follow();
}

/** One word of the query as a signal: word("q").value. Make it once, outside of a component, or in useMemo. */
export const word = (name: string, absent = "") => computed(() => route.value.query.get(name) ?? absent);
