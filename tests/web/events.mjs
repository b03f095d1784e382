// Events of watch: as they come, as they were, and only those that are asked for.
import { run, scenario, skip, until } from "./browser.mjs";
import { drag, hash, inAddress, notInAddress, query, rowOf, rows, unique } from "./steps.mjs";

const flow = (name, play, options) => scenario(name, async (stage) => {
  if (!(await stage.host("is_root"))) skip("root, for the events of watch");
  await play(stage);
}, options);

flow("a new event streams in, and opens with all that is known of it", async ({ open, host, assert, accessible, shot }) => {
  const word = unique("streamed");
  const page = await open(`#/events?q=${word}`, { role: "viewer" });
  await page.locator(".empty-title", { hasText: "No events fit" }).waitFor();
  await host("run", { command: ["true", word] });
  const row = rowOf(page, `true ${word}`).first();
  await row.click();
  const details = page.locator(".details");
  await details.getByText(word).first().waitFor();
  for (const fact of ["Program", "Arguments", "Ancestry"]) await details.getByText(fact, { exact: true }).first().waitFor();
  await accessible(page, "an event");
  await shot(page, "event");
  const opened = hash(page);
  assert.match(opened, /^#\/events\/\d+/);
  await page.reload();
  await details.getByText(word).first().waitFor();
  await details.getByRole("link", { name: "its events" }).click();
  await inAddress(page, "pid");
  await rowOf(page, word).first().waitFor();
  await page.goBack();
  await until(() => hash(page) === opened, "the event again");
});

flow("filters and search narrow the stream, and come back with the address", async ({ open, host, assert }) => {
  const [word, other] = [unique("wanted"), unique("different")];
  await host("run", { command: ["true", word] });
  const page = await open("#/events");
  await rows(page).first().waitFor();
  await page.locator(".chip", { hasText: /^exec$/ }).click();
  await inAddress(page, "type", "exec");
  await page.getByRole("searchbox").fill(word);
  await rowOf(page, word).first().waitFor();
  await until(async () => (await rows(page).count()) === 1, "one event");
  await page.reload();
  await rowOf(page, word).first().waitFor();
  assert.equal(await rows(page).count(), 1);
  assert.equal(await page.getByRole("searchbox").inputValue(), word);
  assert.equal(await page.locator(".chip", { hasText: /^exec$/ }).getAttribute("aria-pressed"), "true");
  // what comes is filtered too
  await host("run", { command: ["true", other] });
  await host("run", { command: ["true", `${word}-again`] });
  await rowOf(page, `${word}-again`).first().waitFor();
  assert.equal(await rows(page).count(), 2);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await notInAddress(page, "q");
  await until(async () => (await rows(page).count()) > 2, "more events");
  await page.getByRole("searchbox").fill(other);
  await rowOf(page, other).first().waitFor();
  await page.getByRole("button", { name: "More filters" }).click();
  await page.getByLabel("program").fill("/bin/*true");
  await page.getByLabel("program").press("Enter");
  await inAddress(page, "exe");
});

flow("a part of the histogram is chosen by dragging and by keyboard", async ({ open, host, assert }) => {
  const word = unique("in-the-bars");
  await host("run", { command: ["true", word] });
  const page = await open(`#/events?range=1m&q=${word}`);
  await rowOf(page, word).first().waitFor();
  const plot = page.locator(".histogram-plot");
  await drag(page, plot, 0.3, 0.6);
  await inAddress(page, "from");
  const length = () => (Date.parse(query(page).get("to")) - Date.parse(query(page).get("from"))) / 1000;
  assert(length() >= 15 && length() <= 22, `${length()} s`);
  const { from, to } = { from: Date.parse(query(page).get("from")), to: Date.parse(query(page).get("to")) };
  await page.goBack();
  await notInAddress(page, "from");
  assert(from < to);
  await rowOf(page, word).first().waitFor();
  await plot.focus();
  await page.keyboard.press("End");
  await page.locator(".histogram-foot", { hasText: ": " }).waitFor();
  for (let bars = 0; bars < 9; bars++) await page.keyboard.press("Shift+ArrowLeft");
  await page.keyboard.press("Enter");
  await inAddress(page, "from");
  assert.equal(length(), 10);
  await page.getByRole("button", { name: "Events over time: show the figures as a table" }).click();
  await page.getByRole("region", { name: "Events over time: figures" }).locator("thead th").first().waitFor();
});

flow("rows of the table by arrows, and its key for a copy", async ({ open, host, assert }) => {
  // events of our own alone: one of others may still be on its way at the moment of the pause, and be the first then
  const word = unique("row");
  const page = await open(`#/events?type=exec&q=${word}`);
  for (let many = 0; many < 4; many++) await host("run", { command: ["true", word] });
  await rows(page).nth(3).waitFor();
  await page.keyboard.press("p");
  await inAddress(page, "paused");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("j");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("k");
  await until(async () => (await page.locator(".t-row.active").getAttribute("data-index")) === "1", "the second row");
  await page.keyboard.press("Enter");
  await until(() => /^#\/events\/\d+/.test(hash(page)), "the event in the address");
  await page.locator(".details").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".details").waitFor({ state: "detached" });
  await page.keyboard.press("y");
  await page.locator(".toast").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^"?Time/i);
  assert(copied.trim().split("\n").length >= 4);
});

await run();
