// The first page: figures that move, and ways from it.
import { run, scenario, skip, until } from "./browser.mjs";
import { changed, hash, inAddress, query, unique } from "./steps.mjs";

scenario("the figures of the host move by themselves", async ({ open, assert }) => {
  const page = await open("#/", { role: "viewer" });
  await page.locator(".tile").first().waitFor();
  const text = await page.locator("main").innerText();
  for (const title of ["CPU", "Memory", "Network", "Disks", "Containers and services by cost"]) assert(text.includes(title), title);
  await changed(page, ".tile", "the first tile");
  await changed(page, ".chart .chart-summary", "the summary of the first chart");
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
  const box = await page.locator(".chart .u-over").first().boundingBox();
  await page.mouse.move(box.x + box.width - 4, box.y + box.height / 2);
  await until(async () => (await page.locator(".chart-time").allInnerTexts()).filter(Boolean).length >= 2, "the time under the cursor in two charts");
});

scenario("from the overview to a container and back, and costs in another order", async ({ open, assert }) => {
  const page = await open("#/");
  const list = page.locator(".costly");
  await list.locator("tbody tr").first().waitFor();
  await list.getByRole("button", { name: "Memory" }).click();
  await inAddress(page, "by", "memory");
  const link = list.locator("tbody a").first();
  const name = await link.innerText();
  await link.click();
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

await run();
