// Processes: those that come and go, the tree, and how one is ended.
import { run, scenario, until } from "./browser.mjs";
import { hash, inAddress, query, rowOf, rows, slash, sleeper, tabTo, together, unique } from "./steps.mjs";

scenario("a process appears when it starts and goes when it ends", async ({ open, host }) => {
  const word = unique("comes-and-goes");
  const page = await open(`#/processes?q=${word}`, { role: "viewer" });
  await page.locator(".empty-title", { hasText: "No process fits" }).waitFor();
  const pid = await sleeper(host, word);
  await rowOf(page, String(pid)).filter({ hasText: word }).waitFor();
  await host("end", { pid });
  await page.locator(".empty-title", { hasText: "No process fits" }).waitFor();
});

scenario("search, form and order of processes come back with the address", async ({ open, host, assert }) => {
  const word = unique("found");
  const pid = await sleeper(host, word);
  const page = await open("#/processes");
  await rows(page).nth(3).waitFor();
  await page.getByRole("button", { name: "List" }).click();
  await inAddress(page, "view", "flat");
  await page.getByRole("columnheader", { name: "PID" }).getByRole("button").click();
  await inAddress(page, "sort", "pid");
  await page.getByRole("columnheader", { name: "PID" }).getByRole("button").click();
  await inAddress(page, "sort", "-pid");
  await page.getByRole("searchbox").fill(`${word} !no-such-word`);
  await until(async () => (await rows(page).count()) === 1, "one row");
  await page.reload();
  await rowOf(page, word).waitFor();
  await until(async () => (await rows(page).count()) === 1, "one row again");
  assert.equal(await page.getByRole("searchbox").inputValue(), `${word} !no-such-word`);
  assert.match(await page.locator("[aria-sort=descending]").innerText(), /PID/);
  // in the tree with those above it, which lead to the first process
  await page.getByRole("button", { name: "Tree" }).click();
  await until(async () => (await rows(page).count()) > 1, "its ancestors");
  await rowOf(page, word).click();
  const details = page.locator(".details");
  await details.getByText(word).first().waitFor();
  assert((await details.locator(".ancestry a").count()) >= 1);
  assert.equal(query(page).get("start") !== null, true);
  await page.keyboard.press("Escape");
  await details.waitFor({ state: "detached" });
});

const ask = async (page) => {
  await page.locator(".details").getByRole("button", { name: "Signal …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  return dialog;
};

scenario("an admin ends a process, after a question", async ({ open, host, shot, accessible, assert }) => {
  const word = unique("to-be-ended");
  const pid = await sleeper(host, word);
  const page = await open(`#/processes/${pid}?q=${word}`);
  let dialog = await ask(page);
  await dialog.getByText(word).waitFor();
  await accessible(page, "the question");
  await shot(page, "kill");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  assert(await host("is_alive", { pid }));
  dialog = await ask(page);
  await dialog.getByLabel(/^KILL/).check();
  await dialog.getByRole("button", { name: "Send KILL" }).click();
  await page.locator(".toast", { hasText: "it has ended" }).waitFor();
  assert.equal(await host("is_alive", { pid }), false);
  await page.locator(".details", { hasText: "There is no such process" }).waitFor();
});

scenario("several processes are marked and ended at once", async ({ open, host }) => {
  const word = unique("of-several");
  const pids = [await sleeper(host, word), await sleeper(host, word), await sleeper(host, word)];
  const page = await open(`#/processes?view=flat&q=${word}`);
  await until(async () => (await rows(page).count()) >= 3, "three rows");
  for (const pid of pids) await page.getByLabel(new RegExp(`^Mark .* ${pid}$`)).check();
  await page.getByRole("button", { name: "Signal 3 processes …" }).click();
  await page.getByLabel(/^KILL/).check();
  await page.getByRole("button", { name: "Send KILL" }).click();
  for (const pid of pids) await until(async () => !(await host("is_alive", { pid })), `the end of ${pid}`);
});

scenario("who is no admin is refused, by the page and by the agent", async ({ open, host, tokens, url, assert }) => {
  const word = unique("stays");
  const pid = await sleeper(host, word);
  for (const role of ["viewer", "investigator"]) {
    const page = await open(`#/processes/${pid}?q=${word}`, { role });
    await page.locator(".details").getByRole("button", { name: /^Signal …/ }).click();
    await page.locator(".toast", { hasText: `needs the role admin; you are ${role}` }).waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0);
    const answer = await page.request.post(`${url}/v1/runs`, { headers: { Authorization: `Bearer ${tokens[role]}` }, data: { module: "kill", parameters: { pid } } });
    assert.equal(answer.status(), 403);
    await page.context().close();
  }
  assert(await host("is_alive", { pid }));
});

scenario("what the agent refuses is said in its words", async ({ open, host }) => {
  const page = await open("#/processes/1");
  const dialog = await ask(page);
  await dialog.getByRole("button", { name: "Send TERM" }).click();
  await page.locator(".toast", { hasText: /(Not done|Refused): TERM to .*\(1\)/ }).waitFor();
}, { allow: /40\d/ });

scenario("a process is found and ended by keyboard alone", async ({ open, host, assert }) => {
  const word = unique("by-keys");
  const pid = await sleeper(host, word);
  const page = await open("#/");
  await page.locator("main h1").waitFor();
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  await together(page, "g", "p");
  await rows(page).nth(3).waitFor();
  await slash(page);
  await page.keyboard.type(`${word} ${pid}`);
  await until(() => query(page).get("q") === `${word} ${pid}`, "the search in the address"); // written when typing pauses
  await rows(page).last().filter({ hasText: word }).waitFor();
  await tabTo(page, "[role=treegrid]");
  await press("End", "Enter"); // the process itself stands below those above it
  await until(() => hash(page).startsWith(`#/processes/${pid}`), "the process in the address");
  await page.locator(".details").waitFor();
  await tabTo(page, ".details button.danger");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await until(() => page.evaluate(() => document.activeElement.matches("dialog input[name=signal]")), "the focus in the dialog");
  await press("Escape");
  await until(() => page.evaluate(() => document.activeElement.matches(".details button.danger")), "the focus back where it was");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  for (let down = 0; down < 4; down++) await press("ArrowDown");
  await page.getByRole("button", { name: "Send KILL" }).waitFor();
  await press("Enter");
  await until(async () => !(await host("is_alive", { pid })), "its end");
  await page.locator(".toast", { hasText: "it has ended" }).waitFor();
  await press("Escape", "Escape");
  await page.locator(".details").waitFor({ state: "detached" });
  assert.equal(query(page).get("q"), `${word} ${pid}`);
});

await run();
