// Control groups: the list, one of them, and the way down to events and back.
import { run, scenario, until } from "./browser.mjs";
import { changed, hash, inAddress, notInAddress, query, rowOf, rows, sleeper, unique } from "./steps.mjs";

scenario("figures of containers move by themselves", async ({ open }) => {
  const page = await open("#/containers?view=flat");
  await rows(page).first().waitFor();
  await changed(page, ".t-window", "the list");
});

scenario("search, kind, order and form are in the address and come back from it", async ({ open, assert }) => {
  const page = await open("#/containers");
  await rows(page).first().waitFor();
  const all = Number(await page.locator("[role=grid], [role=treegrid]").getAttribute("aria-rowcount"));
  await page.getByRole("button", { name: "List" }).click();
  await inAddress(page, "view", "flat");
  await page.getByRole("columnheader", { name: "Memory" }).getByRole("button").click();
  await inAddress(page, "sort", "-memory");
  await page.getByLabel("Show").selectOption("group");
  await inAddress(page, "kind", "group");
  await rows(page).first().waitFor();
  const word = (await rows(page).first().locator(".group-name").getAttribute("title")).split("/").pop().slice(0, 12);
  await page.getByRole("searchbox").fill(word);
  await inAddress(page, "q", word);
  const look = async () => ({ hash: hash(page), field: await page.getByRole("searchbox").inputValue(), kind: await page.getByLabel("Show").inputValue(), list: await page.getByRole("button", { name: "List" }).getAttribute("aria-pressed"), sort: await page.locator("[aria-sort=descending]").innerText() });
  await page.locator("[role=status]", { hasText: " of " }).waitFor();
  const before = await look();
  assert(Number(await page.locator("[role=grid]").getAttribute("aria-rowcount")) <= all);
  await page.reload();
  await rows(page).first().waitFor();
  assert.deepEqual(await look(), before);
  const names = await rows(page).locator(".group-name").evaluateAll((each) => each.map((name) => name.title));
  assert(names.length && names.every((name) => name.includes(word)), names.join());
  await page.getByRole("searchbox").fill("no-group-has-this-name");
  await page.locator(".empty-title", { hasText: "Nothing fits" }).waitFor();
  await page.getByRole("searchbox").press("Escape");
  await notInAddress(page, "q");
  await rows(page).first().waitFor();
});

scenario("from a container to its processes, to one of them, to its events, and back all the way", async ({ open, host, assert }) => {
  const word = unique("drilled");
  const pid = await sleeper(host, word);
  // which group is it in? its details tell
  const page = await open(`#/processes/${pid}`);
  await page.locator(".details").getByRole("link", { name: /^Its (container|group)$/ }).click();
  await page.locator(".crumbs").waitFor();
  const container = hash(page);
  assert(container.startsWith("#/containers/"), container);
  await page.locator(".card", { hasText: "Processes" }).getByRole("link", { name: /^all \d+/ }).click();
  await inAddress(page, "group");
  const processes = hash(page);
  await page.getByRole("searchbox").fill(word);
  await until(() => query(page).get("q") === word, "the search in the address"); // written when typing pauses
  await rowOf(page, word).first().click();
  await until(() => hash(page).startsWith(`#/processes/${pid}`), "the process in the address");
  const details = page.locator(".details");
  await details.getByText(word).first().waitFor();
  if (await host("is_root")) {
    await details.getByRole("link", { name: `All events of process ${pid}` }).click();
    await page.getByRole("heading", { level: 1, name: "Events" }).waitFor();
    assert.equal(query(page).get("pid"), String(pid));
    await rowOf(page, word).first().click();
    await page.locator(".details", { hasText: word }).waitFor();
    await page.goBack();
    await page.locator(".details").waitFor({ state: "detached" });
    await page.goBack();
    await details.getByText(word).first().waitFor();
  }
  await page.goBack();
  await until(() => hash(page).startsWith("#/processes?"), "the list of processes again");
  assert.equal(query(page).get("q"), word);
  await details.waitFor({ state: "detached" });
  await page.goBack();
  await page.locator(".crumbs").waitFor();
  assert.equal(hash(page), container);
  await page.goForward();
  await rowOf(page, word).first().waitFor();
  assert(hash(page).startsWith(processes.split("?")[0]));
});

scenario("a container in full: charts, limits, what it is, groups in it", async ({ open, assert, accessible, shot }) => {
  const page = await open("#/containers");
  await rows(page).first().waitFor();
  await rows(page).first().click(); // the whole host
  await page.getByRole("heading", { level: 1, name: "the whole host" }).waitFor();
  await page.locator(".chart-summary:has-text('mean')").first().waitFor();
  for (const title of ["Processes", "Limits", "What it is", "Groups in it"]) await page.getByRole("heading", { level: 2, name: title }).waitFor();
  const text = await page.locator("main").innerText();
  for (const title of ["CPU", "Memory", "Network"]) assert(text.includes(title), title);
  await accessible(page, "the host as a container");
  await shot(page, "container");
  await page.setViewportSize({ width: 360, height: 740 });
  await accessible(page, "on a phone");
  await shot(page, "container-phone");
});

scenario("the tree of groups by keyboard", async ({ open, assert }) => {
  const page = await open("#/containers");
  await rows(page).nth(1).waitFor();
  const grid = page.getByRole("treegrid");
  await grid.focus();
  await page.keyboard.press("Home");
  const active = () => page.evaluate(() => {
    const grid = document.activeElement;
    return document.getElementById(grid.getAttribute("aria-activedescendant"))?.querySelector(".group-name")?.title;
  });
  await until(async () => (await active()) === "/", "the first row");
  const many = Number(await grid.getAttribute("aria-rowcount"));
  await page.keyboard.press("ArrowLeft");
  await until(async () => Number(await grid.getAttribute("aria-rowcount")) === 2, "a folded tree");
  await page.keyboard.press("ArrowRight");
  await until(async () => Number(await grid.getAttribute("aria-rowcount")) > 2, "an unfolded tree");
  assert(many > 2);
  await page.keyboard.press("ArrowRight");
  const child = await until(async () => (await active()) !== "/" && (await active()), "the row below");
  await page.keyboard.press("Enter");
  await until(() => hash(page).startsWith(`#/containers${child.startsWith("/") ? child : `/${child}`}`), "the page of the group");
  await page.goBack();
  await rows(page).nth(1).waitFor();
});

scenario("a container that is gone says so", async ({ open }) => {
  const page = await open("#/containers/no/such/group");
  await page.getByText("No group of this name is here now.").waitFor();
});

await run();
