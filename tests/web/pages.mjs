// Each page as it is: readable for everybody, at every size, in every theme; and what it says when there is nothing.
import { run, scenario } from "./browser.mjs";

// page, and what stands there once its data has come
const PAGES = [
  ["overview", "#/", ".card"],
  ["containers", "#/containers", "[role=row]"],
  ["processes", "#/processes", "[role=row] >> nth=3"],
  ["events", "#/events", "[role=row] >> nth=1"],
  ["alerts", "#/alerts", "h1"],
  ["investigate", "#/investigate", ".modules a"],
  ["investigate-form", "#/investigate/file", "form .f-row"],
  ["agent", "#/agent", "[role=row] >> nth=2"],
  ["agent-runs", "#/agent?tab=runs", "text=intact"],
  ["agent-schedule", "#/agent?tab=schedule", "h1"],
  ["agent-configuration", "#/agent?tab=configuration", "pre"],
];
const LOOKS = {
  desktop: {},
  phone: { size: "phone" },
  dark: { scheme: "dark" },
  "phone-dark": { size: "phone", scheme: "dark" },
  contrast: { contrast: true },
  zoomed: { size: { width: 320, height: 256 } }, // 1280 × 1024 at 400 %: WCAG 1.4.10
};

for (const [name, hash, there] of PAGES)
  scenario(`${name} reads well at every size and in every theme`, async ({ open, accessible, shot, assert }) => {
    for (const [look, options] of Object.entries(LOOKS)) {
      const page = await open(hash, options);
      await page.waitForSelector("main h1");
      await page.waitForSelector(there, { state: "attached" });
      await accessible(page, look);
      const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
      assert(wide <= 0, `${look}: the page is ${wide} px wider than the screen`);
      await shot(page, `${name}-${look}`);
      await page.context().close();
    }
  });

scenario("a page that there is not says so", async ({ open, accessible }) => {
  const page = await open("#/nowhere");
  await page.waitForSelector("main h1");
  await accessible(page, "no such page");
});

// an answer in place of the agent's: [method and path, status, body]
async function answering(open, hash, answers, options) {
  const page = await open("about:blank", options);
  for (const [path, status, body] of answers)
    await page.route((url) => url.pathname.startsWith(path), (route) =>
      status ? route.fulfill({ status, contentType: "application/json", body: JSON.stringify(body) }) : route.abort());
  await page.goto(`${process.env.PAGE_URL}/${hash}`);
  return page;
}

const BROKEN = { error: { code: "unavailable", message: "module watch is down" } };
const ERRORS = [
  ["overview", "#/", "/v1/modules/metrics/"],
  ["containers", "#/containers", "/v1/modules/metrics/"],
  ["processes", "#/processes", "/v1/modules/metrics/"],
  ["events", "#/events", "/v1/modules/watch/"],
  ["alerts", "#/alerts", "/v1/modules/alerts/"],
  ["agent-runs", "#/agent?tab=runs", "/v1/runs"],
];
for (const [name, hash, path] of ERRORS)
  scenario(`${name} says what went wrong`, async ({ open, accessible, shot }) => {
    const page = await answering(open, hash, [[path, 503, BROKEN]]);
    await page.waitForSelector("text=module watch is down");
    await accessible(page, "error");
    await shot(page, `${name}-error`);
  }, { allow: /503/ });

const NOTHING = [
  ["events", "#/events?q=no-such-text-anywhere", "No events"],
  ["processes", "#/processes?q=no-such-process-anywhere", "No process"],
  ["containers", "#/containers?q=no-such-container-anywhere", "No "],
  ["alerts", "#/alerts?q=no-such-alert-anywhere", "No "],
  ["investigate", "#/investigate?q=no-such-module-anywhere", "No module fits"],
];
for (const [name, hash, text] of NOTHING)
  scenario(`${name} says that there is nothing, and why that may be`, async ({ open, accessible, shot }) => {
    const page = await open(hash);
    await page.waitForSelector(`.empty-title:has-text("${text}")`);
    await accessible(page, "empty");
    await shot(page, `${name}-empty`);
  });

await run();
