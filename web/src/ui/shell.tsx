// Frame of every page: navigation, time range, connection, theme, login, help. A page's View stands in <main>.
import { effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { Component, type ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { connection, logOut, look, mayDo, me, modules, running } from "../lib/api";
import { feedError, tick } from "../lib/feed";
import { bindKeys, type Key } from "../lib/keys";
import { go, hrefOf, route } from "../lib/route";
import { theme, THEMES, type Theme } from "../lib/theme";
import { now, pause, paused } from "../lib/time";
import { pages, type Page } from "../pages/pages";
import { Dialogs } from "./dialog";
import { Help } from "./help";
import { Icon, type IconName } from "./icon";
import { Login } from "./login";
import { RangePicker, shift } from "./range";
import { Toasts } from "./toast";

const present = (page: Page): boolean => page.needs.every((name) => running.value.has(name)) && (!page.role || mayDo(page.role));
/** What this agent has and this role may see; all of them until that is known, so that nothing jumps in late. */
const shownPages = (): readonly Page[] => (modules.value.size ? pages.filter(present) : pages);

const ICONS: Record<string, IconName> = { "": "overview" };
const iconOf = (page: Page): IconName => ICONS[page.name] ?? (ICON_NAMES.has(page.name) ? (page.name as IconName) : "page");
const ICON_NAMES = new Set(["containers", "processes", "events", "alerts", "investigate", "agent"]);

const helping = signal(false);

const anywhere = (label: string, keys: string, run: () => void): Key => ({ keys, label, section: "Anywhere", run });
const keyTable = (): Key[] => [
  anywhere("These keys", "?", () => (helping.value = !helping.value)),
  anywhere("Live or paused", "p", () => pause(!paused.value)),
  anywhere("Earlier", "[", () => shift(-1)),
  anywhere("Later", "]", () => shift(1)),
  anywhere("Next theme", "t", () => (theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!)),
  anywhere("Leave a field; close what is open", "Escape", () => {
    if (document.activeElement instanceof HTMLElement && document.activeElement !== document.body) document.activeElement.blur();
  }),
];

const toPages = (): Key[] =>
  shownPages().map((page) => ({ keys: `g ${page.key}`, label: page.title, section: "Go to", run: () => go(page.name) }));

function Nav({ current }: { current: Page | undefined }) {
  return (
    <nav class="nav" aria-label="Pages">
      <a class="brand" href={hrefOf("")} aria-label="Tarsier: overview">
        <img src="icon.svg" alt="" width="24" height="24" />
        <span class="word">Tarsier</span>
      </a>
      <ul>
        {shownPages().map((page) => (
          <li key={page.name}>
            <a href={hrefOf(page.name)} aria-current={page === current ? "page" : undefined} title={page.title}>
              <Icon name={iconOf(page)} size={20} />
              <span class="word">{page.title}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

const THEME_NAMES: Record<Theme, string> = { auto: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" };

function Menu() {
  const open = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  // not after the next frame, as other effects: what is drawn hears the key that is pressed at once
  useLayoutEffect(() => {
    if (!open.value) return undefined;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) open.value = false;
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      open.value = false;
      box.current?.querySelector("button")?.focus();
      event.preventDefault();
    };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    addEventListener("keydown", escape, true);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("focusin", outside);
      removeEventListener("keydown", escape, true);
    };
  }, [open.value]);
  return (
    <div class="menu" ref={box}>
      <button type="button" class="icon" aria-label="Menu" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        <Icon name="more" size={20} />
      </button>
      {open.value ? (
        <div class="menu-panel">
          <fieldset>
            <legend>Theme</legend>
            {THEMES.map((each) => (
              <label key={each}>
                <input type="radio" name="theme" value={each} checked={theme.value === each} onChange={() => (theme.value = each)} />
                {THEME_NAMES[each]}
              </label>
            ))}
          </fieldset>
          {me.value ? (
            <p>
              <b>{me.value.identity}</b>, role <b>{me.value.role}</b>
              <br />
              <span class="muted">
                Tarsier {me.value.version}
                {me.value.privacy ? ", privacy mode" : ""}
              </span>
            </p>
          ) : null}
          <div class="menu-row">
            <button
              type="button"
              onClick={() => {
                open.value = false;
                helping.value = true;
              }}
            >
              Keys <kbd>?</kbd>
            </button>
            <button type="button" onClick={logOut}>
              Log out
            </button>
          </div>
        </div>
      ) : null}
    </div>
  );
}

const SAID = {
  "": "",
  down: "The agent does not answer. What is shown may be old; this page connects again by itself.",
  back: "The agent answers again.",
  still: "No newer figures come: metrics does not answer. The page Agent tells more.",
};

/** Whether the agent answers; what is shown below it may be old. "It is back" stays for three seconds. */
function Banner() {
  const state = useSignal<"" | "down" | "back">("");
  useSignalEffect(() => {
    const to = connection.value;
    if (to === "down") {
      state.value = "down";
      const timer = setInterval(() => void look().catch(() => undefined), 2000);
      return () => clearInterval(timer);
    }
    if (state.peek() !== "down") return undefined;
    state.value = to === "up" ? "back" : "";
    const timer = setTimeout(() => (state.value = ""), 3000);
    return () => clearTimeout(timer);
  });
  const still = useComputed(() => feedError.value && tick.value && now.value - tick.value > 6);
  const said = state.value || (still.value ? "still" : "");
  return (
    <div class={`banner ${said}`} role="status">
      {said && said !== "back" ? <Icon name="warning" /> : null}
      {SAID[said]}
    </div>
  );
}

/** A page that fails takes neither the navigation nor the other pages with it. */
class Guard extends Component<{ children: ComponentChildren }, { error?: Error }> {
  override componentDidCatch(error: Error): void {
    console.error(error);
    this.setState({ error });
  }
  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <div class="notice" role="alert">
        <h1>This page failed</h1>
        <p>{this.state.error.message}</p>
        <button type="button" onClick={() => this.setState({ error: undefined })}>
          Try again
        </button>
      </div>
    );
  }
}

function Absent({ page }: { page: Page | undefined }) {
  if (!page)
    return (
      <div class="notice">
        <h1>There is no such page</h1>
        <p>
          <a href={hrefOf("")}>Overview</a>
        </p>
      </div>
    );
  const missing = page.needs.filter((name) => !running.value.has(name));
  return (
    <div class="notice">
      <h1>{page.title}</h1>
      {missing.length ? (
        <p>
          This page shows what the module <b>{missing.join(", ")}</b> knows, which does not run here. It starts with{" "}
          <code>{`modules: {${missing.map((name) => `${name}: {}`).join(", ")}}`}</code> in the agent's configuration.
        </p>
      ) : (
        <p>
          This page is for the role <b>{page.role}</b>; yours is <b>{me.value?.role}</b>.
        </p>
      )}
    </div>
  );
}

const Waiting = () => (
  <div class="page">
    <h1>Tarsier</h1>
    <p class="muted">{connection.value === "down" ? "The agent does not answer yet." : "Asking the agent …"}</p>
  </div>
);

export function Shell() {
  const page = pages.find((each) => each.name === route.value.page);
  const known = modules.value.size > 0;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  useLayoutEffect(() => bindKeys(keyTable()), []);
  useLayoutEffect(() => {
    let unbind = () => {};
    const end = effect(() => {
      const table = toPages();
      untracked(() => {
        unbind();
        unbind = bindKeys(table);
      });
    });
    return () => {
      end();
      unbind();
    };
  }, []);
  useEffect(() => {
    document.title = [page?.title, me.value?.host, "Tarsier"].filter(Boolean).join(" · ");
  }, [page, me.value?.host]);
  // what had the focus went with what was left: one step on within a page
  useLayoutEffect(() => {
    if (document.activeElement === document.body && !first.current) main.current?.focus({ preventScroll: true });
  }, [route.value.rest]);
  // who reads with a screen reader, or goes by keyboard, is in the new page after going there
  useLayoutEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
    main.current?.scrollTo(0, 0);
  }, [page]);

  const stopped = page && known && !present(page);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <Nav current={page} />
      <header class="top">
        <span class="host cut" title={me.value?.host}>
          {me.value?.host ?? "Tarsier"}
        </span>
        <RangePicker />
        <Menu />
      </header>
      <Banner />
      <main id="main" ref={main} tabIndex={-1}>
        <Guard key={page?.name}>{!page || stopped ? <Absent page={page} /> : known ? <page.View /> : <Waiting />}</Guard>
      </main>
      {connection.value === "login" ? <Login /> : null}
      {helping.value ? <Help onClose={() => (helping.value = false)} /> : null}
      <Dialogs />
      <Toasts />
    </>
  );
}
