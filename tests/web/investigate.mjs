// Modules by their forms: run, stop, keep, copy, find again.
import { run, scenario, until } from "./browser.mjs";
import { focused, hash, inAddress, query, rowOf, slash, tabTo, together, unique } from "./steps.mjs";

const RUN = /^#\/investigate\/[a-z-]+\/[0-9a-f]+/;
const ran = (page) => until(() => RUN.test(hash(page)) && hash(page).split(/[/?]/)[3], "a run in the address");

scenario("a module is found, filled in, run, and its run is there after a reload", async ({ open, assert, accessible, shot }) => {
  const page = await open("#/investigate", { role: "investigator" });
  await page.getByRole("searchbox").fill("reach hosts");
  await inAddress(page, "q", "reach hosts");
  await page.locator(".modules a", { hasText: /^ping$/ }).click();
  const field = page.getByLabel(/^destination required/);
  // what is missing is said at its field
  await page.getByRole("button", { name: "Run", exact: true }).and(page.locator("#run")).click();
  await page.locator(".f-row", { has: field }).locator(".f-bad").waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await accessible(page, "a wrong field");
  await shot(page, "investigate-wrong");
  await field.fill("127.0.0.1");
  await page.getByText(/^More:/).click();
  await page.getByLabel(/^count/).fill("99999");
  await page.keyboard.press("Enter");
  await page.locator(".f-row", { has: page.getByLabel(/^count/) }).locator(".f-bad", { hasText: "out of range" }).waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), null);
  await page.getByLabel(/^count/).fill("2");
  await page.keyboard.press("Enter");
  const id = await ran(page);
  await page.getByText("found something").waitFor();
  const facts = page.locator(".facts").first();
  await facts.getByText("resolvedhost").waitFor();
  await facts.getByText("127.0.0.1 (127.0.0.1)").waitFor();
  await shot(page, "investigate-run");
  await accessible(page, "a run");
  await page.reload();
  await page.locator(".facts").first().getByText("127.0.0.1 (127.0.0.1)").waitFor();
  assert(hash(page).includes(id));
  assert.equal(await page.getByLabel(/^destination required/).inputValue(), "127.0.0.1");
  assert.equal(await page.getByLabel(/^count/).inputValue(), "2");
  // another question with the same form, and back to the first
  await page.getByLabel(/^count/).fill("1");
  await page.keyboard.press("Enter");
  await until(async () => (await ran(page)) !== id, "another run");
  await page.goBack();
  await until(async () => (await ran(page)) === id, "the first run");
  await until(async () => (await page.getByLabel(/^count/).inputValue()) === "2", "its parameters in the form");
}, { allow: /400/ });

scenario("files are searched for, and the table of results is sorted, opened and copied", async ({ open, assert }) => {
  const page = await open("#/investigate/file", { role: "investigator" });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByLabel(/^paths/).fill("/etc");
  await page.getByLabel(/^names/).fill("^host");
  await page.locator("#run").click();
  await ran(page);
  await page.getByText("found something").waitFor();
  await rowOf(page, "/etc/hosts").first().click();
  await page.locator(".details", { hasText: "/etc/hosts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".details").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Copy as CSV" }).first().click();
  await page.locator(".toast").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /\/etc\/hosts/);
  await page.getByText("Statistics", { exact: true }).click();
  await page.locator("details[open] .facts").first().waitFor();
});

scenario("a long run is stopped", async ({ open, assert }) => {
  const page = await open(`#/investigate/ping?p=${encodeURIComponent(JSON.stringify({ destination: "127.0.0.1", count: 10_000, interval: "1s" }))}`, { role: "investigator" });
  assert.equal(await page.getByLabel(/^count/).inputValue(), "10000");
  await page.locator("main h1").waitFor();
  await page.locator("main h1").click();
  await page.keyboard.press("r");
  const id = await ran(page);
  await page.locator("[role=status] strong", { hasText: "runs" }).waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.locator(".toast", { hasText: "told to stop" }).waitFor();
  await page.locator("[role=status] strong", { hasText: /failed|partial|found/ }).waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).waitFor({ state: "detached" });
  await until(async () => /interrupted|cancel|stopped|partial|failed|nothing|found/.test(await page.locator(".runs").innerText()), "it in the list of runs");
  assert.equal(await ran(page), id);
});

scenario("a run is copied as a command and as JSON", async ({ open, assert }) => {
  const page = await open("#/investigate/ping", { role: "investigator" });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByLabel(/^destination required/).fill("127.0.0.1");
  await page.getByText(/^More:/).click();
  await page.getByLabel(/^count/).fill("7");
  await page.getByRole("button", { name: "Copy as command" }).click();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await until(async () => (await copied()).startsWith("tarsier ping"), "the command");
  assert.match(await copied(), /127\.0\.0\.1/);
  assert.match(await copied(), /--count 7/);
  await page.getByRole("button", { name: "Copy as JSON" }).click();
  await until(async () => (await copied()).startsWith("{"), "the request");
  assert.deepEqual(JSON.parse(await copied()), { module: "ping", parameters: { destination: "127.0.0.1", count: 7 } });
});

scenario("a run is kept with a time, run by hand, and removed", async ({ open, assert, accessible, shot }) => {
  const name = unique("kept");
  const page = await open(`#/investigate/ping?p=${encodeURIComponent(JSON.stringify({ destination: "127.0.0.1", count: 1 }))}`, { role: "investigator" });
  await page.getByRole("button", { name: "Save …" }).click();
  const dialog = page.getByRole("dialog", { name: "Save this ping" });
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Run every").fill("never");
  await page.keyboard.press("Enter");
  await dialog.locator("[role=alert]").waitFor();
  await accessible(page, "save refused");
  await shot(page, "save");
  await dialog.getByLabel("Run every").fill("12h");
  await dialog.getByLabel("What it is for").fill("is it there");
  await page.keyboard.press("Enter");
  await page.locator(".toast", { hasText: `Saved as ${name}` }).waitFor();
  await page.goto(`${page.url().split("#")[0]}#/agent?tab=schedule`);
  await rowOf(page, name).waitFor();
  await page.goto(`${page.url().split("#")[0]}#/investigate`);
  const card = page.locator(".modules li", { hasText: name });
  await card.getByText("every 12h").waitFor();
  await shot(page, "investigate-saved");
  await card.getByRole("button", { name: "Run" }).click();
  await ran(page);
  await page.getByText("found something").waitFor();
  await page.goBack();
  await card.getByRole("link", { name }).click();
  await until(async () => (await page.getByLabel(/^destination required/).inputValue()) === "127.0.0.1", "its parameters in the form");
  await page.goBack();
  const question = page.getByRole("dialog", { name: `Remove ${name}?` });
  await card.getByRole("button", { name: "Remove …" }).click();
  await accessible(page, "a question before it is removed");
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  await card.waitFor();
  await card.getByRole("button", { name: "Remove …" }).click();
  await question.getByRole("button", { name: "Remove" }).click();
  await until(() => page.evaluate(() => document.activeElement?.id === "main"), "the focus in the page when its button is gone");
  await card.waitFor({ state: "detached" });
  await page.goto(`${page.url().split("#")[0]}#/agent?tab=schedule`);
  await page.getByRole("heading", { level: 1, name: "Agent" }).waitFor();
  await until(async () => (await rowOf(page, name).count()) === 0, "a schedule without it");
}, { allow: /400/ });

scenario("runs that were are found again with their parameters", async ({ open, assert }) => {
  const page = await open(`#/investigate/ping?p=${encodeURIComponent(JSON.stringify({ destination: "127.0.0.1", count: 4 }))}`, { role: "investigator" });
  await page.locator("#run").click();
  const id = await ran(page);
  await page.getByText("found something").waitFor();
  await page.goto(`${page.url().split("#")[0]}#/investigate/ping`);
  await page.reload();
  await page.getByRole("heading", { name: "Runs of ping" }).waitFor();
  await page.locator(".runs [role=row][data-index]").first().click();
  await until(async () => (await ran(page)) === id, "the run that was the last");
  assert.equal(JSON.parse(query(page).get("p")).count, 4);
  await page.locator(".facts").first().getByText("127.0.0.1 (127.0.0.1)").waitFor();
});

scenario("a viewer sees the forms and is refused", async ({ open, url, tokens, assert }) => {
  const page = await open("#/investigate/ping", { role: "viewer" });
  await page.getByLabel(/^destination required/).fill("127.0.0.1");
  await page.locator("#run").click();
  await page.locator(".toast", { hasText: "needs the role investigator; you are viewer" }).waitFor();
  await page.getByRole("button", { name: /^Save …/ }).click();
  await page.locator(".toast", { hasText: "saving a run needs the role investigator" }).waitFor();
  assert(!RUN.test(hash(page)));
  const answer = await page.request.post(`${url}/v1/runs`, { headers: { Authorization: `Bearer ${tokens.viewer}` }, data: { module: "ping", parameters: { destination: "127.0.0.1" } } });
  assert.equal(answer.status(), 403);
});

scenario("a module is run by keyboard alone", async ({ open, assert }) => {
  const page = await open("#/");
  await page.locator("main h1").waitFor();
  await together(page, "g", "i");
  await page.getByRole("heading", { level: 1, name: "Investigate" }).waitFor();
  await slash(page);
  await page.keyboard.type("reach hosts");
  await until(async () => (await page.locator(".modules a").count()) === 1, "one module");
  await tabTo(page, ".modules a");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "ping" }).waitFor();
  await page.getByLabel(/^destination required/).waitFor();
  await tabTo(page, "form input");
  await page.keyboard.type("127.0.0.1");
  await page.keyboard.press("Enter");
  await ran(page);
  await page.getByText("found something").waitFor();
  assert(/input|main|button/i.test(await focused(page)));
});

await run();
