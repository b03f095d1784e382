// What was wrong once: addresses typed by hand, tokens, hidden pages, streams that break, texts of the host.
import { run, scenario, skip, until } from "./browser.mjs";
import { rowOf, rows, unique } from "./steps.mjs";

const title = (page) => page.locator("main h1").first();

scenario("an address typed by hand breaks no page", async ({ open, assert }) => {
  const page = await open("#/");
  await page.locator(".tile").first().waitFor();
  for (const [hash, heading] of [
    ["#/?range=99999999999999999999d", "Overview"],
    ["#/events?range=0s", "Events"],
    ["#/alerts?range=99999999999d", "Alerts"],
    ["#/?by=toString", "Overview"],
    ["#/processes/x/y?sort=toString&view=__proto__", "Processes"],
    ["#/nothing/of/this", "There is no such page"],
    ["#/%E0%A4%A", "There is no such page"],
  ]) {
    await page.evaluate((to) => (location.hash = to), hash);
    await title(page).filter({ hasText: heading }).waitFor();
    assert.equal(await page.getByText("This page failed").count(), 0, hash);
  }
  // one end of a time without the other is none
  await page.evaluate(() => (location.hash = "#/?from=2026-01-01"));
  await title(page).filter({ hasText: "Overview" }).waitFor();
  await page.locator(".live", { hasText: "Live" }).waitFor();
}, { allow: /status of 4\d\d/ });

scenario("a run in the address is no way to another path", async ({ open, assert }) => {
  const page = await open("#/investigate");
  await title(page).waitFor();
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.evaluate(() => (location.hash = "#/investigate/report/..%5Csaved%5Cnightly"));
  await title(page).filter({ hasText: "report" }).waitFor();
  await page.locator("form").waitFor();
  assert.deepEqual(asked.filter((path) => path.includes("saved")), []);
});

scenario("a token pasted into the address of an open page is taken out of it", async ({ open, tokens, assert }) => {
  const first = (token) => sessionStorage.getItem("tarsier-token") ?? sessionStorage.setItem("tarsier-token", token);
  const page = await open("#/", { role: null, before: [first, tokens.viewer] });
  await title(page).waitFor();
  const anew = page.waitForEvent("domcontentloaded"); // the page loads itself again for who it is now
  await page.evaluate((token) => (location.hash = `#token=${token}`), tokens.investigator);
  await anew;
  await until(() => !page.url().includes("token"), "an address without the token");
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByText("role investigator").waitFor();
  assert.ok(!page.url().includes(tokens.investigator));
});

scenario("a part of a chart that is chosen is one step back, not one a chart", async ({ open, assert }) => {
  const page = await open("#/");
  await page.locator(".chart-plot .u-over").nth(3).waitFor({ state: "attached" });
  const before = await page.evaluate(() => history.length);
  const box = await page.locator(".chart-plot .u-over").first().boundingBox();
  await page.mouse.move(box.x + 90, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + 140, box.y + 32, { steps: 4 });
  await page.mouse.move(box.x + 210, box.y + 32, { steps: 4 });
  await page.mouse.up();
  await until(() => page.url().includes("from="), "the chosen time in the address");
  assert.equal(await page.evaluate(() => history.length), before + 1);
  await page.goBack();
  await until(() => !page.url().includes("from="), "the time before");
});

scenario("a list that could not be loaded comes when the agent answers again", async ({ open }) => {
  const page = await open("#/agent");
  await title(page).waitFor();
  await page.route("**/v1/**", (route) => route.abort());
  await page.evaluate(() => (location.hash = "#/events"));
  await page.getByText("The events could not be loaded").waitFor();
  await page.unroute("**/v1/**");
  await rows(page).first().waitFor();
}, { allow: /Failed to load resource|ERR_FAILED/ });

scenario("a broken stream of events goes on behind the last one, and says so once", async ({ open, assert, host }) => {
  const page = await open("#/events?type=exec");
  await rows(page).first().waitFor();
  const newest = () => rows(page).first().innerText();
  const before = await newest();
  await until(async () => {
    await host("run", { command: ["true"] });
    return (await newest()) !== before;
  }, "an event by the stream");
  const asked = [];
  page.on("request", (request) => {
    if (request.url().includes("/watch/stream")) asked.push(new URL(request.url()).searchParams.getAll("after"));
  });
  await page.context().setOffline(true);
  await page.locator(".banner.down, .badge", { hasText: /does not answer|stands still/ }).first().waitFor();
  await page.context().setOffline(false);
  await until(() => asked.length, "the stream asked again");
  for (const after of asked) assert.ok(after.length <= 1, `after stands ${after.length} times`);
}, { allow: /Failed to load resource|ERR_/ });

scenario("one step on within a page the focus is in what came", async ({ open }) => {
  const page = await open("#/containers");
  await rows(page).first().waitFor();
  await page.locator(".t-scroll").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator(".crumbs").waitFor();
  await until(() => page.evaluate(() => document.activeElement?.id === "main"), "the focus in the page");
});

scenario("what comes between an empty list and its stream is there", async ({ open, host }) => {
  if (!(await host("is_root"))) skip("root, for the rules of watch");
  const name = unique("between");
  const page = await open("about:blank");
  let held = false;
  await page.route("**/alerts/stream?**", async (route) => {
    if (!held) await host("run_from_temp", { name }); // before the stream is open
    held = true;
    await route.continue();
  });
  await page.goto(`${process.env.PAGE_URL}/#/alerts?q=${name}`);
  await rowOf(page, name).first().waitFor();
});

scenario("what changes between a list and its stream is seen", async ({ open, host, tokens, assert }) => {
  if (!(await host("is_root"))) skip("root, for the rules of watch");
  const word = unique("changes");
  for (const part of ["a", "b"]) await host("run_from_temp", { name: `${word}-${part}` });
  const page = await open("about:blank");
  const api = `${process.env.PAGE_URL}/v1/modules/alerts`;
  const headers = { Authorization: `Bearer ${tokens.investigator}` };
  await until(async () => (await (await page.request.get(`${api}/alerts?text=${word}`, { headers })).json()).alerts.length === 2, "two alerts");
  let held = false;
  let seen = false;
  await page.route("**/alerts/stream?**", async (route) => {
    if (!held) {
      held = true;
      await rows(page).nth(1).waitFor();
      const { alerts } = await (await page.request.get(`${api}/alerts?text=${word}-b`, { headers })).json();
      await page.request.post(`${api}/acknowledge`, { headers, data: { ids: [alerts[0].id] } });
      seen = true;
    }
    await route.continue();
  });
  await page.goto(`${process.env.PAGE_URL}/#/alerts?q=${word}`);
  await until(() => seen, "a change");
  await rowOf(page, `${word}-b`).waitFor({ state: "detached" });
  await rowOf(page, `${word}-a`).waitFor();
  assert.equal(await rows(page).count(), 1);
  // and the stream goes on
  await host("run_from_temp", { name: `${word}-c` });
  await rowOf(page, `${word}-c`).waitFor();
});

await run();
