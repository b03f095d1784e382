// The first page: figures that move, and ways from it.
import { run, scenario, skip, until } from "./browser.mjs";
import { changed, hash, inAddress, query, unique } from "./steps.mjs";

scenario("the figures of the host move by themselves", async ({ open, assert }) => {
  const page = await open("#/", { role: "viewer" });
  await page.locator(".tile").first().waitFor();
  const text = await page.locator("main").innerText();
  for (const title of ["CPU", "Memory", "Network", "Disks", "Containers and services by cost"]) assert(text.includes(title), title);
  // one alone may stand: on a host that is busy the CPU is at 100 % all the time
  await changed(page, ".tiles", "the tiles");
  await changed(page, ".charts", "the charts and what sums them up");
});

scenario("each chart has a label, a line that sums it up, and its figures as a table", async ({ open, assert, accessible, shot }) => {
  const page = await open("#/", { size: { width: 1280, height: 3000 } });
  await page.locator(".chart-summary:has-text('mean')").first().waitFor();
  const charts = page.locator("figure.chart");
  const many = await charts.count();
  assert(many >= 5, `${many} charts`);
  await until(async () => (await page.locator(".chart-summary:has-text('mean')").count()) === many, "a summary of every chart");
  for (let at = 0; at < many; at++) {
    const chart = charts.nth(at);
    const title = await chart.locator("h2").innerText();
    assert(title.length > 2);
    const plot = chart.locator(".chart-plot");
    assert.equal(await plot.getAttribute("role"), "img");
    assert((await plot.getAttribute("aria-label")).startsWith(title));
    const summary = chart.locator(`[id="${await plot.getAttribute("aria-describedby")}"]`);
    assert.match(await summary.innerText(), / to .*mean .*last /, title);
    await chart.getByRole("button", { name: `${title}: show the figures as a table` }).click();
    const table = chart.getByRole("region", { name: `${title}: figures` });
    await table.locator("tbody td").first().waitFor();
    assert.equal(await table.locator("thead th").count(), 1 + (await chart.locator(".chart-legend li .swatch").count()), title);
    assert.match(await table.locator("tbody th").first().innerText(), /^\d\d:\d\d/);
  }
  await accessible(page, "tables of charts");
  await shot(page, "overview-tables");
  await charts.first().getByRole("button").click();
  await charts.first().locator(".u-over").waitFor();
});

scenario("charts share their cursor", async ({ open }) => {
  const page = await open("#/", { size: { width: 1280, height: 1600 } });
  await page.locator(".chart-summary:has-text('mean')").first().waitFor();
  await until(async () => (await page.locator(".chart .u-over").count()) >= 2, "two charts");
  await until(async () => {
    const box = await page.locator(".chart .u-over").first().boundingBox(); // it may move while the page fills
    await page.mouse.move(box.x + box.width - 4, box.y + box.height / 2);
    return (await page.locator(".chart-time").allInnerTexts()).filter(Boolean).length >= 2;
  }, "the time under the cursor in two charts");
});

scenario("from the overview to a container and back, and costs in another order", async ({ open, assert }) => {
  const page = await open("#/");
  const list = page.locator(".costly");
  await list.locator("tbody tr").first().waitFor();
  await list.getByRole("button", { name: "Memory" }).click();
  await inAddress(page, "by", "memory");
  // by its address: the first may be another one by the time of the click
  const [name, href] = await list.locator("tbody a").first().evaluate((link) => [link.textContent, link.getAttribute("href")]);
  await list.locator(`a[href="${href}"]`).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  assert(hash(page).startsWith("#/containers/"));
  await page.goBack();
  await list.locator("tbody tr").first().waitFor();
  assert.equal(query(page).get("by"), "memory");
  assert.equal(await list.locator("[aria-sort=descending]").innerText(), "Memory ↓");
  await until(async () => {
    await page.keyboard.press("/");
    return hash(page).startsWith("#/containers");
  }, "the page of the containers");
  await until(() => page.evaluate(() => document.activeElement?.matches("input[type=search]")), "the focus in the search");
});

scenario("a new alert stands on the overview by itself and leads to its page", async ({ open, host }) => {
  if (!(await host("is_root"))) skip("root, for the events of watch");
  const page = await open("#/", { role: "viewer" });
  await page.locator(".tile").first().waitFor();
  const name = unique("shown");
  await host("run_from_temp", { name });
  await page.locator(".latest a", { hasText: name }).click();
  await page.getByRole("heading", { level: 1, name: "Alerts" }).waitFor();
  await page.locator(".details", { hasText: name }).waitFor();
});

scenario("paused and opened again, the tiles show the time that is paused", async ({ open, assert, shot, accessible }) => {
  const page = await open("#/");
  await page.locator(".tile").first().waitFor();
  // the history has steps of 10 s: a time that lies well in it. Its first step has no rates yet, as those need two samples
  const query = async (metric, since = "2m") => {
    const answer = await page.request.get(`${page.url().split("#")[0]}v1/modules/metrics/query?since=${since}&step=10s&query=${encodeURIComponent(`${metric}{cgroup="/"}`)}`,
      { headers: { Authorization: `Bearer ${await page.evaluate(() => sessionStorage.getItem("tarsier-token"))}` } });
    const { start, series } = await answer.json();
    return new Map((series[0]?.values ?? []).flatMap((value, at) => (value === null ? [] : [[Date.parse(start) / 1000 + at * 10, value]])));
  };
  const first = async () => (await query("cpu")).keys().next().value;
  await until(async () => (await first()) < Date.now() / 1000 - 20, "a history of 20 s", 120_000);
  const time = await first();
  // its own step, or the one beside it
  const loads = await query("load", "5m"); // of which it is not the first step, however late it is now
  const near = [-10, 0, 10].map((beside) => loads.get(time + beside)).filter((value) => value !== undefined);
  const again = await open(`#/?paused=${new Date(time * 1000).toISOString()}`);
  const tile = (title) => again.locator(".tile").filter({ has: again.locator("dt", { hasText: title }) });
  await again.getByText(/^Figures of/).waitFor();
  await until(async () => /^\d/.test(await tile("Load").locator("b").innerText()), "a load");
  const load = Number(await tile("Load").locator("b").innerText());
  assert(load > Math.min(...near) - 0.02 && load < Math.max(...near) + 0.02, `${load} for ${near}`);
  await until(async () => /\d %/.test(await tile("CPU").innerText()), "a share of the CPU");
  await until(async () => /\d.*iB/.test(await tile("Memory").locator("b").innerText()), "memory in use");
  assert.match(await tile("Processes").innerText(), /no past is kept/);
  await accessible(again, "tiles of the past");
  await shot(again, "overview-past");
  const still = await again.locator(".tiles").innerText();
  await changed(page, ".tiles", "the live page");
  assert.equal(await again.locator(".tiles").innerText(), still);
  await again.keyboard.press("p");
  await again.getByText(/^Figures of/).waitFor({ state: "detached" });
  await until(async () => / running/.test(await tile("Processes").innerText()), "the present again");

  // of the first step rates are not known: what is kept of it is shown, and not said to be nothing
  const begin = await open("about:blank");
  await begin.route(/query\?query=(cpu|net|io|pressure)/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), series: [] } });
  });
  await begin.goto(`${page.url().split("#")[0]}#/?paused=${new Date(time * 1000).toISOString()}`);
  const tileOf = (title) => begin.locator(".tile").filter({ has: begin.locator("dt", { hasText: title }) });
  await tileOf("Load").locator("b", { hasText: /^\d/ }).waitFor();
  assert.match(await tileOf("CPU").innerText(), /–/);
  await begin.getByText(/^Figures of/).waitFor();

  // a time of which nothing is kept is said to be so
  const before = await open("#/?paused=2020-01-01T00:00:00Z");
  await before.getByText(/^Nothing is kept of/).waitFor();
  assert.match(await before.locator(".tile", { hasText: "Load" }).innerText(), /–/);
});

scenario("I/O wait, steal, load and forks have a past; executions say that they have none", async ({ open, assert }) => {
  const page = await open("about:blank", { size: { width: 1280, height: 2600 } });
  const asked = [];
  page.on("request", (request) => {
    const query = new URL(request.url()).searchParams.get("query");
    if (query) asked.push(query.split("{")[0]);
  });
  const answer = page.waitForResponse((response) => response.url().includes("query=load15"));
  await page.goto(`${process.env.PAGE_URL}/#/?range=1h`);
  await until(async () => (await (await answer).json()).series.length === 1, "a history of the load");
  await until(() => ["cpu_iowait", "cpu_steal", "load", "load5", "load15"].every((each) => asked.includes(each)), "questions for the past");
  const execs = page.locator("figure", { hasText: "Executions a second" });
  if (await execs.count()) {
    assert(asked.includes("forks"));
    await execs.getByText("executions, from now on").waitFor();
  }
});

await run();
