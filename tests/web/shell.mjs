// What every page has around it: login, keys, themes, time, connection.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PATIENCE, run, scenario, skip, until } from "./browser.mjs";
import { changed, drag, focused, hash, inAddress, notInAddress, query, rowOf, rows, slash, sleeper, together, unique } from "./steps.mjs";

const HEADINGS = { o: "Overview", c: "Containers", p: "Processes", e: "Events", a: "Alerts", i: "Investigate", s: "Agent" };

scenario("the page comes without a request to elsewhere", async ({ open, assert }) => {
  const page = await open("#/");
  await page.waitForSelector("main h1");
  await until(async () => /^Overview · .+ · Tarsier$/.test(await page.title()), "the name of the host in the title");
  const response = await page.request.get(page.url());
  assert.match(response.headers()["content-security-policy"], /default-src 'none'/);
});

scenario("a login by token, its role, and the way out", async ({ open, tokens, assert, shot, accessible }) => {
  const page = await open("#/", { role: null });
  const token = page.getByLabel("Token");
  await token.fill("no-such-token");
  await page.keyboard.press("Enter");
  await page.getByText("The agent does not know this token.").waitFor();
  await accessible(page, "login refused");
  await shot(page, "login-refused");
  for (const role of ["viewer", "investigator", "admin"]) {
    await token.fill(tokens[role]);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.locator(".tile").first().waitFor();
    await page.getByRole("button", { name: "Menu" }).click();
    await page.locator(".menu-panel").getByText(`role ${role}`).waitFor();
    assert.equal(await page.locator("dialog.login").count(), 0);
    await page.getByRole("button", { name: "Log out" }).click();
    await token.waitFor();
  }
  assert.equal(await page.evaluate(() => Object.keys(sessionStorage).length), 0);
}, { allow: /401/ });

scenario("a token in the address is taken out of it", async ({ open, tokens, assert }) => {
  const page = await open(`#token=${tokens.investigator}`, { role: null });
  await page.locator(".tile").first().waitFor();
  assert.equal(hash(page), "#/");
  await page.reload();
  await page.locator(".tile").first().waitFor();
  assert.equal(hash(page), "#/");
  await page.getByRole("button", { name: "Menu" }).click();
  await page.locator(".menu-panel").getByText("role investigator").waitFor();
  assert(!(await page.content()).includes(tokens.investigator));
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes("token-of-the-tests")), false);
});

scenario("keys lead to every page, to the search and to the list of keys", async ({ open, assert }) => {
  const page = await open("#/agent");
  await page.locator("main h1").waitFor();
  for (const [key, title] of Object.entries(HEADINGS)) {
    await together(page, "g", key);
    await page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
    await page.locator(`nav [aria-current=page]:has-text("${title}")`).waitFor();
    await until(() => page.evaluate(() => document.activeElement?.id === "main"), "the focus in the page");
  }
  for (const key of "cpeai") {
    await together(page, "g", key);
    await page.getByRole("heading", { level: 1, name: HEADINGS[key], exact: true }).waitFor();
    await page.locator("main input[type=search]").waitFor();
    await slash(page);
    await page.keyboard.type("gp?t"); // letters here, no keys
    await inAddress(page, "q", "gp?t");
    await page.keyboard.press("Escape");
    await notInAddress(page, "q");
    await page.keyboard.press("Escape");
    await until(() => page.evaluate(() => document.activeElement === document.body || document.activeElement?.id === "main"), "the focus out of the field");
  }
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  await dialog.waitFor();
  for (const title of Object.values(HEADINGS)) await dialog.locator("dd", { hasText: title }).first().waitFor();
  assert(await page.evaluate(() => document.querySelector("dialog").contains(document.activeElement)), "the dialog has the focus");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

scenario("keys of single characters can be turned off", async ({ open, assert }) => {
  const page = await open("#/agent");
  await page.waitForSelector("main h1");
  await page.keyboard.press("?");
  await page.getByLabel("Shortcuts of single characters").uncheck();
  await page.keyboard.press("Escape");
  await page.reload();
  await page.waitForSelector("main h1");
  for (const key of ["g", "i", "?"]) await page.keyboard.press(key);
  assert.match(page.url(), /#\/agent/);
  assert.equal(await page.locator("dialog[open]").count(), 0);
});

scenario("the order of Tab, and a dialog that gives the focus back", async ({ open, assert }) => {
  const page = await open("#/processes");
  await rows(page).first().waitFor();
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Skip to the page/);
  const names = [];
  for (let stop = 0; stop < 8; stop++) {
    await page.keyboard.press("Tab");
    names.push(await page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent.trim()));
  }
  assert.deepEqual(names, ["Tarsier: overview", ...Object.values(HEADINGS)]);
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Time range/);
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Live: pause/);
  await page.keyboard.press("Tab");
  assert.match(await focused(page), /Menu/);
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await until(async () => /Menu/.test(await focused(page)), "the focus back on the menu");
  await page.keyboard.press("Enter");
  await page.locator(".menu-panel").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".menu-panel").waitFor({ state: "detached" });
  assert.match(await focused(page), /Menu/);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  // over the skip link into the page, past the navigation
  await page.evaluate(() => document.activeElement.blur());
  await page.reload();
  await rows(page).first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert(await page.evaluate(() => document.activeElement.id === "main"));
  await page.keyboard.press("Tab");
  assert(await page.evaluate(() => document.querySelector("main").contains(document.activeElement) && document.activeElement.id !== "main"));
});

scenario("themes: of the system, chosen, kept", async ({ open, assert }) => {
  const page = await open("#/", { role: "viewer" });
  await page.locator(".tile").first().waitFor();
  const look = () => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.documentElement).getPropertyValue("--bg")]);
  const seen = new Map();
  const note = async (theme) => {
    await until(async () => (await look())[0] === theme, theme);
    const [, color] = await look();
    if (seen.has(theme)) assert.equal(color, seen.get(theme));
    seen.set(theme, color);
  };
  await note("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await note("dark");
  await page.emulateMedia({ colorScheme: "light", contrast: "more" });
  await note("contrast");
  await page.emulateMedia({ colorScheme: "light", contrast: "no-preference" });
  await note("light");
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByLabel("Dark").check();
  await note("dark");
  await page.reload();
  await note("dark");
  await page.keyboard.press("t");
  await note("contrast");
  assert.notEqual(seen.get("light"), seen.get("dark"));
});

scenario("nothing is animated for who wants it still", async ({ open, assert }) => {
  const page = await open("#/");
  for (const key of Object.keys(HEADINGS)) {
    await together(page, "g", key);
    await page.getByRole("heading", { level: 1, name: HEADINGS[key], exact: true }).waitFor();
    const moving = () => page.evaluate(() => document.getAnimations()
      .filter(({ playState, effect }) => playState === "running" && effect.getComputedTiming().duration > 10).map(({ effect }) => effect.target.className));
    assert.deepEqual(await moving(), [], HEADINGS[key]);
  }
  // and the rule is one of the page: who does not mind sees something move
  await page.emulateMedia({ reducedMotion: "no-preference" });
  assert(await page.evaluate(() => !matchMedia("(prefers-reduced-motion: reduce)").matches));
});

scenario("a pause stops all movement, and the address shows the same again", async ({ open, host, assert }) => {
  if (!(await host("is_root"))) skip("root, for the events of watch");
  // events of our own alone: what others do may still be on its way at the moment of the pause
  const word = unique("paused");
  const page = await open(`#/events?type=exec&q=${word}`);
  await page.waitForSelector("main h1");
  for (let i = 0; i < 4; i++) await host("run", { command: ["true", word] });
  await rows(page).nth(3).waitFor();
  await page.keyboard.press("p");
  await inAddress(page, "paused");
  await page.locator("header .live:has-text('Paused')").waitFor();
  // the histogram follows at its next second at the latest
  const foot = (of) => of.locator(".histogram-foot").innerText();
  let still;
  await until(async () => still === (still = await foot(page)), "a histogram that stands");
  const list = (of) => of.locator(".t-window").innerText();
  const [before, bars] = [await list(page), await foot(page)];

  // others see what happens meanwhile
  const other = await open(`#/events?type=exec&q=${word}`);
  await host("run", { command: ["true", word] });
  await rows(other).nth(4).waitFor();
  assert.equal(await list(page), before);
  assert.equal(await foot(page), bars);

  const again = await open(hash(page));
  await rows(again).nth(3).waitFor();
  assert.equal(await list(again), before);

  await page.keyboard.press("p");
  await notInAddress(page, "paused");
  await until(async () => (await list(page)) !== before, "what came meanwhile");
});

scenario("while paused no figure moves on any page", async ({ open, host, assert }) => {
  const live = await open("#/");
  await live.locator(".tile").first().waitFor();
  for (const [at, there] of [["#/", ".tile"], ["#/containers", "[role=row][data-index]"], ["#/processes?view=flat", "[role=row][data-index]"]]) {
    const page = await open(at);
    await page.locator(there).first().waitFor();
    const asked = new Set();
    page.on("request", (request) => asked.add(request));
    for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => asked.delete(request));
    await changed(live, "main", "the live page");
    await page.keyboard.press("p");
    await inAddress(page, "paused");
    const text = () => page.locator("main").innerText();
    // what was under way when it was pressed: the past of the charts
    await changed(live, "main", "the live page");
    let still;
    await until(async () => !asked.size && still === (still = await text()), "a page that stands");
    for (let pictures = 0; pictures < 2; pictures++) await changed(live, "main", "the live page");
    assert.equal(await text(), still, at);
    await page.keyboard.press("p");
    await until(async () => (await text()) !== still, `movement on ${at} again`);
    await page.context().close();
  }
});

scenario("the time range by keyboard, and by dragging a chart", async ({ open, assert }) => {
  const page = await open("#/");
  const plot = page.locator(".chart .u-over").first();
  await plot.waitFor();
  await page.getByLabel("Time range").focus();
  await together(page, "1", "5");
  await inAddress(page, "range", "15m");
  await page.keyboard.press("Escape");
  await page.keyboard.press("[");
  await inAddress(page, "from");
  const length = () => (Date.parse(query(page).get("to")) - Date.parse(query(page).get("from"))) / 1000;
  assert.equal(Math.round(length()), 900);
  assert((Date.now() - Date.parse(query(page).get("to"))) / 1000 >= 440);
  await page.keyboard.press("]");
  await notInAddress(page, "from");
  await page.locator("header .live:has-text('Live')").waitFor();

  // back and forth leads to the present again, whatever time was spent on the past
  const fixed = (end) => {
    const at = Date.now() / 1000 - end;
    return page.evaluate(([from, to]) => (location.hash = `#/?from=${from}&to=${to}`), [at - 900, at].map((time) => new Date(time * 1000).toISOString()));
  };
  await fixed(450 + 20);
  await page.locator("header .live:has-text('Paused')").waitFor();
  await page.keyboard.press("]");
  await notInAddress(page, "from");
  await page.locator("header .live:has-text('Live')").waitFor();
  await fixed(900);
  await page.locator("header .live:has-text('Paused')").waitFor();
  const earlier = query(page).get("to");
  await page.keyboard.press("]");
  await until(() => query(page).get("to") !== earlier, "another end");
  assert.equal(Date.parse(query(page).get("to")) - Date.parse(earlier), 450_000);

  await page.goto(`${page.url().split("#")[0]}#/?range=1h`);
  await inAddress(page, "range", "1h");
  await plot.waitFor();
  await drag(page, plot, 0.25, 0.5);
  await inAddress(page, "from");
  assert(Math.abs(length() - 900) < 120, `a quarter of an hour, not ${length()} s`);
  const shown = page.locator("header select option:checked");
  assert.match(await shown.innerText(), /\d\d:\d\d.* – \d\d:\d\d/);
  await page.goBack();
  await notInAddress(page, "from");
  await page.locator("header .live:has-text('Live')").waitFor();

  // from … to … by its dialog, and it says what is wrong
  await page.getByLabel("Time range").selectOption("choose");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const ends = dialog.locator("input");
  await ends.nth(0).fill("2026-01-02T03:04:05");
  await ends.nth(1).fill("2026-01-01T03:04:05");
  await page.keyboard.press("Enter");
  await dialog.getByText("The end must be later").waitFor();
  await ends.nth(1).fill("2026-01-02T04:04:05");
  await page.keyboard.press("Enter");
  await inAddress(page, "from", "2026-01-02T03:04:05.000Z");
  assert.equal(query(page).get("to"), "2026-01-02T04:04:05.000Z");
});

/** Starts the agent again. It answers before all its modules do, and the page says for three seconds only that it does. */
const returned = (page, host) => Promise.all([page.getByText("The agent answers again.").waitFor({ timeout: 3 * PATIENCE }), host("start_agent")]);

scenario("the agent goes and comes back", async ({ open, host, shot, accessible }) => {
  const page = await open("#/processes?view=flat");
  await rows(page).first().waitFor();
  await host("stop_agent");
  try {
    await page.getByText("The agent does not answer.").waitFor();
    await rows(page).first().waitFor(); // what was known stays
    await accessible(page, "down");
    await shot(page, "agent-down");
  } finally {
    await returned(page, host);
  }
  await page.getByText("The agent answers again.").waitFor({ state: "detached" });
  const word = unique("after-the-return");
  await sleeper(host, word);
  await slash(page);
  await page.keyboard.type(word);
  await rowOf(page, word).waitFor(); // the picture moves again
}, { allow: /Failed to load resource|ERR_/ });

scenario("a page that is open while the agent is away follows its events afterwards", async ({ open, host }) => {
  if (!(await host("is_root"))) skip("root, for the events of watch");
  const word = unique("seen");
  const page = await open(`#/events?q=${word}`);
  await host("run", { command: ["true", word] });
  await rowOf(page, word).first().waitFor();
  await host("stop_agent");
  try {
    await page.getByText("The agent does not answer.").waitFor();
  } finally {
    await returned(page, host);
  }
  await host("run", { command: ["true", `${word}-after`] });
  await rowOf(page, `${word}-after`).first().waitFor();
}, { allow: /Failed to load resource|ERR_/ });

scenario("a module that starts after the page was opened is there soon", async ({ open }) => {
  const page = await open("about:blank", { before: [() => {
    const every = window.setInterval;
    window.setInterval = (run, time, ...more) => every(run, time === 30_000 ? 1e9 : time, ...more); // not when it is looked for anyway
  }] });
  let asked = 0;
  await page.route("**/v1/status", async (route) => {
    const response = await route.fetch();
    const status = await response.json();
    if (asked++ < 3) Object.assign(status.services.find(({ name }) => name === "alerts"), { state: ["waiting", "starting", "starting"][asked - 1] });
    await route.fulfill({ response, json: status });
  });
  await page.goto(`${process.env.PAGE_URL}/#/alerts`);
  await page.getByText("does not run here").waitFor();
  await page.getByRole("searchbox").waitFor();
});

scenario("an agent that is away when the page is opened is waited for", async ({ open, host }) => {
  const page = await open("#/");
  await page.locator(".tile").first().waitFor();
  await page.route("**/v1/whoami", (route) => route.abort());
  await page.reload();
  await page.getByText("does not answer").first().waitFor();
  await page.unroute("**/v1/whoami");
  await page.locator(".tile").first().waitFor();
}, { allow: /Failed to load resource|ERR_/ });

scenario("who may not is told so, and what runs not is named", async ({ open }) => {
  const page = await open("#/", { role: "viewer" });
  await page.locator(".tile").first().waitFor();
  await page.route("**/v1/status", async (route) => {
    const response = await route.fetch();
    const status = await response.json();
    status.services = status.services.filter(({ name }) => name !== "watch" && name !== "alerts");
    await route.fulfill({ response, json: status });
  });
  await page.reload();
  await page.locator(".tile").first().waitFor();
  await page.getByRole("navigation", { name: "Pages" }).getByText("Events").waitFor({ state: "detached" });
  await page.goto(`${page.url().split("#")[0]}#/events`);
  await page.getByText("does not run here").waitFor();
});

scenario("the bundle of npm run watch says what the small one says", async ({ open, assert }) => {
  const folder = mkdtempSync(join(tmpdir(), "tarsier-watch-"));
  try {
    execFileSync(process.execPath, [fileURLToPath(new URL("../../web/build.mjs", import.meta.url)), "--once", folder]);
    const script = readFileSync(join(folder, "app.js"), "utf8");
    const said = [];
    for (const own of [false, true]) {
      const page = await open("about:blank");
      if (own) await page.route("**/app.js", (route) => route.fulfill({ body: script, contentType: "text/javascript" }));
      await page.goto(`${process.env.PAGE_URL}/#/investigate`);
      await page.locator(".modules a").first().waitFor();
      await page.getByLabel("Time range").selectOption("choose");
      const dialog = page.getByRole("dialog");
      const text = () => dialog.evaluate((box) => box.textContent);
      const words = [await text()];
      await dialog.locator("input").nth(0).fill("2026-01-02T03:04:05");
      await dialog.locator("input").nth(1).fill("2026-01-01T03:04:05");
      await page.keyboard.press("Enter");
      await dialog.getByText("The end must be later").waitFor();
      said.push([...words, await text()]);
    }
    assert.deepEqual(said[1], said[0]);
    assert.match(said[0][0], /From.*To.*Local time.*Cancel.*Show/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

scenario("a time range is named as people read it", async ({ open, assert }) => {
  const page = await open("#/investigate?range=3h");
  const shown = page.locator("header select option:checked");
  await until(async () => (await shown.innerText()) === "3 h", "three hours");
  for (const [words, name] of [
    ["from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", "01-01 00:00 – 01-02 00:00"],
    ["from=2026-01-01T03:04:00Z&to=2026-01-01T05:04:00Z", "01-01 03:04 – 01-01 05:04"],
    ["from=2026-01-01T03:04:00Z&to=2026-01-01T03:05:00Z", "01-01 03:04:00 – 01-01 03:05:00"],
    ["range=24h", "24 h"],
  ]) {
    await page.evaluate((to) => (location.hash = `#/investigate?${to}`), words);
    await until(async () => (await shown.innerText()) === name, name);
  }
  assert.equal(await page.locator("header select option", { hasText: "15 min" }).count(), 1);
});

await run();
