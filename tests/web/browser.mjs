// Scenarios in a real browser. A file of them calls scenario() for each and run() at its end; web_stage.py lists and starts
// them one by one, and does on the host what they ask for by host(). What fails a scenario besides its own checks: an
// error on the console, an exception of the page, a violation of its policy, a request to elsewhere.
//
// Environment: PAGE_URL, PAGE_TOKENS ({"viewer": …, "investigator": …, "admin": …}), CHROMIUM, TARSIER_SCREENS
// (directory for screenshots; none are kept without it).
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const scenarios = [];
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
export const PATIENCE = 30_000; // of one wait: a limit for what is broken, never a verdict

/** options.allow: a regular expression of console errors that belong to the scenario (the agent is down, say). */
export function scenario(name, play, options = {}) {
  assert(!scenarios.some((each) => each.name === name), `${name} is there twice`);
  scenarios.push({ name, play, options });
}

let lines;
/** Asks web_stage.py to do something on the host: host("spawn", {…}) gives what its action returns. */
async function host(action, parameters = {}) {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(`!${JSON.stringify({ action, parameters })}`);
  const { value, done } = await lines.next();
  if (done) throw new Error(`nobody answered ${action}`);
  const answer = JSON.parse(value);
  if (answer.error) throw new Error(`${action}: ${answer.error}`);
  return answer.result;
}

class Stage {
  constructor(browser, options) {
    Object.assign(this, { browser, options, complaints: [], host, assert, url: process.env.PAGE_URL });
    this.tokens = JSON.parse(process.env.PAGE_TOKENS ?? "{}");
    for (const name of ["open", "shot", "accessible"]) this[name] = this[name].bind(this); // scenarios take them apart
  }

  /** A new page, logged in with a role (null: not), on `hash` ("#/containers?q=web"). size: desktop, phone or {width,
   * height}; scheme: light, dark; contrast: true; url: of another server than the agent's; before: a function that runs in
   * the page before anything else, and what it is given. */
  async open(hash = "#/", { role = "admin", size = "desktop", scheme = "light", contrast = false, url = this.url, before } = {}) {
    const context = await this.browser.newContext({
      viewport: SIZES[size] ?? size, colorScheme: scheme, contrast: contrast ? "more" : "no-preference",
      reducedMotion: "reduce", timezoneId: "UTC", locale: "en-GB",
    });
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript((token) => {
      if (token && location.protocol !== "about:") sessionStorage.setItem("tarsier-token", token);
      document.addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    }, role && this.tokens[role]);
    if (before) await context.addInitScript(...before);
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") this.complain(message.text());
    });
    page.on("pageerror", (error) => this.complain(`exception: ${error.stack ?? error}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(url) && !/^(data|blob|about):/.test(request.url()))
        this.complain(`a request to elsewhere: ${request.url()}`);
    });
    await page.goto(hash.startsWith("#") ? `${url}/${hash}` : hash);
    return page;
  }

  complain(text) {
    if (!this.options.allow?.test(text)) this.complaints.push(text);
  }

  /** Keeps a picture, once the fonts are there and nothing moves. */
  async shot(page, name, whole = false) {
    if (!process.env.TARSIER_SCREENS) return;
    mkdirSync(process.env.TARSIER_SCREENS, { recursive: true });
    await page.screenshot({ path: join(process.env.TARSIER_SCREENS, `web-${name}.png`), fullPage: whole });
  }

  /** axe-core finds no violation of WCAG 2.0 to 2.2, A and AA, nor of its best practices. */
  async accessible(page, where) {
    // evaluate() goes by the debugger, which the page's policy does not hold
    await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }));
    const told = violations.map((each) => `${each.id}: ${each.help}\n  ${each.nodes.slice(0, 4)
      .map((node) => `${node.html.slice(0, 160)} ${node.failureSummary?.split("\n").slice(1, 3).join("; ")}`).join("\n  ")}`);
    assert.equal(told.length, 0, `${where}: ${told.join("\n")}`);
  }
}

class Skipped extends Error {}
/** Ends the scenario: the host lacks what it needs. */
export function skip(needs) {
  throw new Skipped(`skipped: needs ${needs}`);
}

/** Waits until `condition` gives something true, and gives that. */
export async function until(condition, what, patience = PATIENCE) {
  for (const end = Date.now() + patience; ;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function run() {
  if (process.argv[2] === "--list") {
    for (const { name } of scenarios) console.log(name);
    return;
  }
  const found = scenarios.find(({ name }) => name === process.argv[2]);
  assert(found, `no scenario ${process.argv[2]}`);
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"], timeout: 2 * PATIENCE });
  const stage = new Stage(browser, found.options);
  let failure;
  try {
    await found.play(stage);
  } catch (error) {
    failure = error;
    for (const page of browser.contexts().flatMap((context) => context.pages()))
      console.log(`page at the failure: ${page.url()}\n${(await page.locator("body").innerText().catch(() => "")).slice(0, 3000).replace(/^/gm, "  ")}`);
  } finally {
    // a request that is held or looked at when its page goes is nobody's failure
    for (const page of browser.contexts().flatMap((context) => context.pages())) await page.unrouteAll({ behavior: "ignoreErrors" }).catch(() => undefined);
    await browser.close();
  }
  if (failure instanceof Skipped) {
    console.log(failure.message);
    process.exit(77);
  }
  if (failure) console.log(failure.stack);
  if (stage.complaints.length) console.log(`the page complained:\n${stage.complaints.join("\n")}`);
  process.exit(failure || stage.complaints.length ? 1 : 0);
}
