// Alerts of watch's starter rules: seen, acknowledged, muted.
import { run, scenario, skip, until } from "./browser.mjs";
import { hash, inAddress, rowOf, rows, unique } from "./steps.mjs";

const RULE = "exec-from-temp";

const flow = (name, play, options) => scenario(name, async (stage) => {
  if (!(await stage.host("is_root"))) skip("root, for the rules of watch");
  await play(stage);
}, options);

flow("an alert comes by itself, with its evidence", async ({ open, host, accessible, shot }) => {
  const name = unique("warned");
  const page = await open(`#/alerts?q=${name}`, { role: "viewer" });
  await page.locator(".empty-title").waitFor();
  await host("run_from_temp", { name });
  await rowOf(page, name).click();
  const details = page.locator(".details");
  await details.getByText(RULE).first().waitFor();
  await details.getByRole("heading", { name: "The event" }).waitFor();
  await details.getByRole("heading", { name: "As it came" }).waitFor();
  await accessible(page, "an alert");
  await shot(page, "alert");
});

flow("an investigator acknowledges an alert, and a viewer sees who and why", async ({ open, host, assert }) => {
  const name = unique("acknowledged");
  const comment = `looked at ${name}`;
  await host("run_from_temp", { name });
  const viewer = await open(`#/alerts?q=${name}`, { role: "viewer" });
  await rowOf(viewer, name).click();
  await viewer.locator(".details").getByRole("button", { name: /^Acknowledge …/ }).click();
  await viewer.locator(".toast", { hasText: "needs the role investigator; you are viewer" }).waitFor();
  assert.equal(await viewer.getByRole("dialog").count(), 0);
  await viewer.locator(".details").getByRole("button", { name: /^Mute …/ }).click();
  await viewer.locator(".toast", { hasText: "muting needs the role investigator" }).waitFor();

  // the offer to undo it stands for 12 seconds, which the viewer below may need
  const patient = () => {
    const set = window.setTimeout;
    window.setTimeout = (run, delay, ...more) => set(run, delay === 12_000 ? 1e9 : delay, ...more);
  };
  const page = await open(`#/alerts?q=${name}`, { role: "investigator", before: [patient] });
  await rowOf(page, name).click();
  await page.keyboard.press("a");
  const dialog = page.getByRole("dialog");
  await until(() => page.evaluate(() => document.activeElement.tagName === "TEXTAREA"), "the focus in the comment");
  await page.keyboard.type(comment);
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await page.locator(".toast", { hasText: "Acknowledged" }).waitFor();
  await rowOf(page, name).waitFor({ state: "detached" }); // it is not open any more

  await viewer.locator(".details", { hasText: comment }).waitFor();
  await viewer.locator(".details", { hasText: "token investigator" }).waitFor();
  await viewer.getByRole("button", { name: "Acknowledged", exact: true }).click();
  await inAddress(viewer, "state", "acknowledged");
  await rowOf(viewer, name).waitFor();

  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await rowOf(page, name).waitFor();
  await rowOf(viewer, name).waitFor({ state: "detached" });
});

flow("alerts are muted for a while, and no more", async ({ open, host, shot, accessible }) => {
  const word = unique("loud");
  const [first, second, third] = [`${word}-1`, `${word}-2`, `${word}-3`];
  await host("run_from_temp", { name: first });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  await rowOf(page, first).click();
  await page.locator(".details").getByRole("button", { name: /^Mute …/ }).click();
  const dialog = page.getByRole("dialog", { name: "Mute alerts like this one" });
  await dialog.getByText(RULE).waitFor();
  await dialog.locator("select").last().selectOption("1h");
  await dialog.getByLabel(/^Comment/).fill("tests run here");
  await accessible(page, "mute");
  await shot(page, "mute");
  await dialog.getByRole("button", { name: "Mute", exact: true }).click();
  await page.locator(".toast", { hasText: "Muted" }).waitFor();
  await host("run_from_temp", { name: second });
  await page.getByRole("button", { name: "Muted", exact: true }).click();
  await rowOf(page, second).waitFor();
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByRole("button", { name: "Mutes" }).click();
  await until(() => hash(page).startsWith("#/alerts/mutes"), "the mutes in the address");
  const mute = page.locator(".details li", { hasText: RULE }).filter({ hasText: "in force" });
  await mute.getByText("tests run here").waitFor();
  await mute.getByText("token investigator").waitFor();
  await mute.getByRole("button", { name: "End …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await page.locator(".details li", { hasText: "over" }).first().waitFor();
  await host("run_from_temp", { name: third });
  await rowOf(page, third).waitFor();
  await rowOf(page, second).waitFor({ state: "detached" });
});

flow("a mute takes those that are open already when that is wanted", async ({ open, host, assert }) => {
  const word = unique("already");
  for (const part of ["a", "b"]) await host("run_from_temp", { name: `${word}-${part}` });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  const mute = async (existing) => {
    await rowOf(page, `${word}-a`).click();
    await page.keyboard.press("m");
    const dialog = page.getByRole("dialog", { name: "Mute alerts like this one" });
    const box = dialog.getByLabel("Those that are open already, too");
    assert.equal(await box.isChecked(), false);
    await box.setChecked(existing);
    await dialog.getByLabel(/^Comment/).fill(word);
    await dialog.getByRole("button", { name: "Mute", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
  };
  await mute(false);
  await page.getByRole("button", { name: "Mutes" }).click();
  const last = page.locator(".details li", { hasText: word }).filter({ hasText: "in force" }).first();
  await last.getByText("; 0 muted").waitFor();
  assert.equal(await rows(page).count(), 2);
  await mute(true);
  await page.locator(".empty-title").waitFor();
  await page.getByRole("button", { name: "Muted", exact: true }).click();
  await until(async () => (await rows(page).count()) === 2, "both among the muted");
  await page.getByRole("button", { name: "Mutes" }).click();
  for (let left = 2; left; left--) {
    await last.getByRole("button", { name: "End …" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
    await until(async () => (await page.locator(".details li", { hasText: word }).filter({ hasText: "in force" }).count()) === left - 1, "one mute less");
  }
});

flow("keys mean the alert that is open, also when the list does not have it", async ({ open, host, assert }) => {
  const name = unique("linked");
  await host("run_from_temp", { name });
  const list = await open(`#/alerts?q=${name}`, { role: "investigator" });
  await rowOf(list, name).click();
  await list.locator(".details .raw").waitFor();
  const page = await open(`#/alerts/${hash(list).match(/\d+/)[0]}?state=muted&q=${name}`, { role: "investigator" });
  await page.locator(".details .raw").waitFor();
  assert.equal(await rows(page).count(), 0);
  await page.keyboard.press("a");
  await page.keyboard.type("by its link");
  await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await rowOf(list, name).waitFor({ state: "detached" });
  await list.locator(".details", { hasText: "by its link" }).waitFor();
});

flow("alerts are marked and acknowledged at once, and filtered by severity and rule", async ({ open, host, assert }) => {
  const word = unique("many");
  for (const part of ["a", "b", "c"]) await host("run_from_temp", { name: `${word}-${part}` });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  await until(async () => (await rows(page).count()) === 3, "three alerts");
  await page.getByLabel("Mark all").check();
  await page.getByRole("button", { name: "Acknowledge 3 …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await page.locator(".empty-title").waitFor();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await until(async () => (await rows(page).count()) === 3, "three alerts in all");
  await page.getByLabel("Severity").selectOption("critical");
  await page.locator(".empty-title").waitFor();
  await page.getByLabel("Severity").selectOption("medium");
  await until(async () => (await rows(page).count()) === 3, "three that are medium");
  await rows(page).first().click();
  await page.locator(".details").getByRole("link", { name: RULE }).click();
  await inAddress(page, "rule", RULE);
  await page.reload();
  await until(async () => (await rows(page).count()) === 3, "three after a reload");
  assert.equal(await page.getByLabel("Severity").inputValue(), "medium");
});

flow("the timeline shows what the list shows", async ({ open, host, assert }) => {
  const word = unique("drawn");
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  const summary = page.locator(".histogram-foot");
  await until(async () => /None from/.test(await summary.innerText()), "an empty timeline");
  for (const part of ["a", "b"]) await host("run_from_temp", { name: `${word}-${part}` });
  await until(async () => (await rows(page).count()) === 2, "two alerts");
  await until(async () => /^\D*2 from/m.test((await summary.innerText()).replace(/\d\d:\d\d(:\d\d)?/, "")), "two in the timeline");
  await page.getByLabel("Severity").selectOption("critical");
  await until(async () => /None from/.test(await summary.innerText()), "none that is critical");
  await page.getByLabel("Severity").selectOption("");
  await rowOf(page, `${word}-a`).click();
  await page.keyboard.press("a");
  await page.getByRole("dialog").getByRole("button", { name: "Acknowledge" }).click();
  await until(async () => (await rows(page).count()) === 1, "one that is open");
  await until(async () => /(^|\D)1 from/.test(await summary.innerText()), "one in the timeline");
  await page.getByRole("button", { name: "All", exact: true }).click();
  await until(async () => /(^|\D)2 from/.test(await summary.innerText()), "both in the timeline");
  assert.equal(await rows(page).count(), 2);
});

flow("the timeline counts what comes right behind the choice of a filter", async ({ open, host }) => {
  const word = unique("behind");
  // what is counted later is counted so late that all of it has come by then
  const slow = () => {
    const set = window.setTimeout;
    window.setTimeout = (run, delay, ...more) => set(run, delay === 1500 && window.slow ? 6000 : delay, ...more);
  };
  const page = await open(`#/alerts?q=${word}`, { before: [slow] });
  const counted = (count) => until(async () => new RegExp(`(^|\\D)${count} from`).test(await page.locator(".histogram-foot").innerText()), `${count} in the timeline`);
  await until(async () => /None from/.test(await page.locator(".histogram-foot").innerText()), "an empty timeline");
  await host("run_from_temp", { name: `${word}-a` });
  await counted(1);
  await page.evaluate(() => (window.slow = true));
  await page.getByLabel("Severity").selectOption("medium");
  await rows(page).first().waitFor();
  await host("run_from_temp", { name: `${word}-b` });
  await rows(page).nth(1).waitFor();
  await counted(2);
});

flow("a mute ends at any time that is chosen", async ({ open, host, assert, accessible, shot }) => {
  const word = unique("until");
  await host("run_from_temp", { name: word });
  const page = await open(`#/alerts?q=${word}`, { role: "investigator" });
  await rowOf(page, word).click();
  await page.keyboard.press("m");
  const dialog = page.getByRole("dialog", { name: "Mute alerts like this one" });
  await dialog.locator("select").last().selectOption({ label: "until …" });
  const field = dialog.getByLabel("Until, local time");
  await accessible(page, "mute until");
  await shot(page, "mute-until");
  await field.fill("2020-01-01T00:00");
  await dialog.getByRole("button", { name: "Mute", exact: true }).click();
  await page.locator(".toast", { hasText: "Not muted" }).waitFor();
  // further than a mute may last, and than a date may be: said at the field, and nothing is asked
  let asked = 0;
  page.on("request", (request) => (asked += request.url().endsWith("/mutes") && request.method() === "POST"));
  for (const far of ["2040-01-01T00:00", "275760-09-12T23:59"]) {
    await field.fill(far);
    await dialog.getByRole("button", { name: "Mute", exact: true }).click();
    await until(() => field.evaluate((at) => at.matches(":invalid:focus") && at.validity.rangeOverflow && at.validationMessage), `a complaint of ${far}`);
    assert.equal(await dialog.getByRole("button", { name: "Mute", exact: true }).isEnabled(), true);
  }
  assert.equal(asked, 0);
  const end = new Date(Date.now() + 100 * 3600e3).toISOString().slice(0, 16);
  await field.fill(end);
  await dialog.getByRole("button", { name: "Mute", exact: true }).click();
  await page.locator(".toast", { hasText: /^✓\s*Muted/ }).waitFor();
  await page.getByRole("button", { name: "Mutes" }).click();
  const mute = page.locator(".details li", { hasText: end.replace("T", " ") });
  await mute.getByText("in force").waitFor();
  await mute.getByRole("button", { name: "End …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await mute.getByText("over").waitFor();
  await until(() => page.evaluate(() => document.activeElement?.matches(".details-body")), "the focus in the list of mutes");
  assert.equal(await page.getByRole("dialog").count(), 0);
}, { allow: /400/ });

await run();
