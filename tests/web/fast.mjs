// What is done before the next frame: strokes and presses of who is fast, or of a machine that is slow.
import { run, scenario, skip, until } from "./browser.mjs";
import { hash, inAddress, query, rowOf, rows, sleeper, unique } from "./steps.mjs";

/** Each key as soon as the page has drawn what the one before did: no frame and no timer is between them. What is given
 * back says where the page is then. */
const strokes = (page, ...keys) => page.evaluate(async (all) => {
  for (const key of all) {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    for (let turn = 0; turn < 50; turn++) await null;
  }
  const { activeElement: at } = document;
  return { hash: location.hash, title: document.querySelector("main h1")?.textContent, focus: at.closest("dialog") ? "dialog" : at.type || at.tagName };
}, keys);

scenario("a key that follows at once is heard by what is drawn by then", async ({ open, assert }) => {
  const page = await open("#/");
  await page.locator(".tile").first().waitFor();
  assert.deepEqual(await strokes(page, "/"), { hash: "#/containers", title: "Containers", focus: "search" });
  await page.evaluate(() => document.activeElement.blur());
  assert.deepEqual(await strokes(page, "g", "p", "/"), { hash: "#/processes", title: "Processes", focus: "search" });
  await page.evaluate(() => document.activeElement.blur());
  assert.equal((await strokes(page, "?")).focus, "dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });

  // the details that a stroke opened are closed by the next
  await rows(page).first().waitFor();
  await page.locator(".t-scroll").focus();
  await strokes(page, "ArrowDown", "Enter");
  await page.locator(".details").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".details").waitFor({ state: "detached" });
  await page.locator(".t-scroll").focus();
  assert.match((await strokes(page, "Enter", "Escape")).hash, /^#\/processes(\?|$)/);
  assert.equal(await page.locator(".details").count(), 0);
});

scenario("two steps at once are two", async ({ open, assert }) => {
  const page = await open("#/?range=15m");
  await page.locator(".tile").first().waitFor();
  await strokes(page, "[", "[");
  const back = Date.now() / 1000 - Date.parse(query(page).get("to")) / 1000;
  assert(back > 890 && back < 1000, `${back} s back, not 15 min`);
  await strokes(page, "]", "]");
  assert.equal(query(page).get("from"), null);
  // what is done on a page right after going there is done there
  const { hash: at, title } = await strokes(page, "g", "a", "p");
  assert.match(at, /^#\/alerts\?.*paused=/);
  assert.equal(title, "Alerts");
});

scenario("who types on while the address is told loses no letter", async ({ open, assert }) => {
  const page = await open("#/processes");
  await rows(page).first().waitFor();
  await page.evaluate(() => {
    const field = document.querySelector("main input[type=search]");
    const type = (text, key) => {
      field.value = text;
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      if (key) queueMicrotask(() => field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
    };
    const replace = history.replaceState.bind(history);
    history.replaceState = (...given) => {
      replace(...given);
      if (given[2].endsWith("q=a")) type("ab", "Enter");
      if (given[2].endsWith("q=ab")) type("abc");
    };
    type("a");
  });
  await inAddress(page, "q", "abc");
  assert.equal(await page.getByRole("searchbox").inputValue(), "abc");
});

scenario("nothing of another question is shown with this one", async ({ open, assert, host }) => {
  if (!(await host("is_root"))) skip("root, for the rules of watch");
  const word = unique("asked");
  for (const part of ["a", "b"]) await host("run_from_temp", { name: `${word}-${part}` });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  await rows(page).nth(1).waitFor();
  // rows of the state before are not there to be marked
  const left = await page.evaluate(async () => {
    [...document.querySelectorAll(".switch button")].find((each) => each.textContent === "Acknowledged").click();
    for (let turn = 0; turn < 50; turn++) await null;
    return document.querySelectorAll("[role=row][data-index]").length;
  });
  assert.equal(left, 0);

  await page.evaluate((q) => (location.hash = `#/events?type=exec&q=${q}`), word);
  await rows(page).nth(1).waitFor();
  await rows(page).nth(0).click();
  await page.locator(".details .raw").waitFor();
  const [heading, facts] = await page.evaluate(async () => {
    document.querySelectorAll("[role=row][data-index]")[1].click();
    for (let turn = 0; turn < 50; turn++) await null;
    return [document.querySelector(".details h2").textContent, document.querySelectorAll(".details .raw").length];
  });
  assert.equal(heading, `Event ${hash(page).match(/\d+/)[0]}`);
  assert.equal(facts, 0);
  await page.locator(".details .raw").waitFor();
});

scenario("Enter that is held sends no signal by the dialog that it opened", async ({ open, host, assert }) => {
  const word = unique("held");
  const pid = await sleeper(host, word);
  const page = await open(`#/processes/${pid}?q=${word}`);
  let sent = 0;
  page.on("request", (request) => (sent += request.method() === "POST"));
  await page.locator(".details").getByRole("button", { name: "Signal …" }).focus();
  for (let repeat = 0; repeat < 4; repeat++) await page.keyboard.down("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.keyboard.up("Enter");
  assert.equal(await dialog.getByRole("button", { name: "Send TERM" }).isEnabled(), true);
  assert.equal(sent, 0);
  // pressed anew it is
  await page.keyboard.press("Enter");
  await page.locator(".toast", { hasText: "TERM sent" }).waitFor();
  await until(async () => !(await host("is_alive", { pid })), "its end");
});

/** Holds what the page asks of `path` until the function that is given back is called; asked: how often it was. */
async function hold(page, path, method) {
  const held = { asked: 0 };
  const gate = new Promise((open) => (held.release = open));
  await page.route(path, async (route) => {
    if (route.request().method() !== method) return route.fallback();
    held.asked++;
    await gate;
    return route.continue();
  });
  return held;
}

scenario("a run that is asked for twice is one, and takes back neither what was typed since nor who has left", async ({ open, assert }) => {
  const page = await open("#/investigate/ping", { role: "investigator" });
  await page.getByLabel(/^destination required/).fill("127.0.0.1");
  await page.getByText(/^More:/).click();
  const count = page.getByLabel(/^count/);
  await count.fill("1");
  const first = await hold(page, "**/v1/runs", "POST");
  await page.keyboard.press("Enter");
  await until(() => first.asked, "the run asked for");
  await page.keyboard.press("Enter");
  await page.locator("#run").dblclick();
  await count.fill("2");
  await page.getByLabel(/^destination required/).focus(); // the field tells its change
  first.release();
  await until(() => /^#\/investigate\/ping\/[0-9a-f]+/.test(hash(page)), "the run in the address");
  await page.getByText("found something").waitFor();
  assert.equal(await count.inputValue(), "2");
  assert.equal(first.asked, 1);

  await page.unroute("**/v1/runs");
  const second = await hold(page, "**/v1/runs", "POST");
  await page.locator("#run").click();
  await until(() => second.asked, "another run asked for");
  await page.getByRole("link", { name: "Agent" }).click();
  await page.locator("main h1", { hasText: "Agent" }).waitFor();
  second.release();
  await page.locator(".toast", { hasText: "ping was started" }).waitFor();
  assert.equal(hash(page), "#/agent");
});

scenario("a saved run that is pressed twice is one, and who has left is not taken back", async ({ open, assert, tokens }) => {
  const page = await open("#/agent", { role: "investigator" });
  await page.locator("main h1").waitFor();
  const name = unique("twice");
  const saved = `${process.env.PAGE_URL}/v1/saved/${name}`;
  const headers = { Authorization: `Bearer ${tokens.investigator}` };
  await page.request.put(saved, { headers, data: { module: "ping", parameters: { destination: "127.0.0.1", count: 1 } } });
  await page.getByRole("link", { name: "Investigate", exact: true }).click();
  const answer = await hold(page, "**/v1/saved/*/run", "POST");
  await page.locator(".modules li", { hasText: name }).getByRole("button", { name: "Run", exact: true }).dblclick();
  await until(() => answer.asked, "the run asked for");
  await page.getByRole("link", { name: "Agent", exact: true }).click();
  await page.locator("main h1", { hasText: "Agent" }).waitFor();
  const told = page.waitForResponse((response) => response.url().endsWith("/run"));
  answer.release();
  await (await told).finished();
  await page.evaluate(() => new Promise((next) => setTimeout(next))); // what the page does with it
  assert.equal(answer.asked, 1);
  assert.equal(hash(page), "#/agent");
  await page.request.delete(saved, { headers });
});

scenario("who goes on live before the list is there sees what came since", async ({ open, host }) => {
  if (!(await host("is_root"))) skip("root, for the rules of watch");
  const name = unique("since");
  const page = await open("about:blank");
  const list = await hold(page, "**/v1/modules/alerts/alerts?**", "GET");
  await page.goto(`${process.env.PAGE_URL}/#/alerts?q=${name}&paused=${new Date().toISOString()}`);
  await until(() => list.asked, "the list asked for");
  await host("run_from_temp", { name });
  await page.keyboard.press("p");
  await page.locator(".live", { hasText: "Live" }).waitFor();
  list.release();
  await rowOf(page, name).waitFor();
});

scenario("an answer that comes late closes no other question", async ({ open, host, assert }) => {
  if (!(await host("is_root"))) skip("root, for the rules of watch");
  const word = unique("late");
  for (const part of ["a", "b"]) await host("run_from_temp", { name: `${word}-${part}` });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  const answer = await hold(page, "**/v1/modules/alerts/acknowledge", "POST");
  await rowOf(page, `${word}-a`).click();
  await page.keyboard.press("a");
  await page.keyboard.type("seen"); // into the comment
  await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
  await until(() => answer.asked, "the acknowledgement asked for");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await rowOf(page, `${word}-b`).click();
  await page.keyboard.press("m");
  const dialog = page.getByRole("dialog", { name: "Mute alerts like this one" });
  await dialog.waitFor();
  answer.release();
  await page.locator(".toast", { hasText: "Acknowledged" }).waitFor();
  await rowOf(page, `${word}-a`).waitFor({ state: "detached" });
  assert.equal(await dialog.count(), 1);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Acknowledged", exact: true }).click();
  await rowOf(page, `${word}-a`).click();
  await page.locator(".details", { hasText: "seen" }).waitFor();
});

await run();
