// Hosts as large as they come: lists stay windows on what there is.
import { run, scenario, until } from "./browser.mjs";
import { fakeHost } from "./fake.mjs";
import { elements, hash, inAddress, rowOf, rows } from "./steps.mjs";

const MOST_ROWS = 80; // elements of rows, whatever there is
const MOST_ELEMENTS = 4000; // of the whole page

const count = async (page) => Number(await page.locator("[role=grid], [role=treegrid]").getAttribute("aria-rowcount")) - 1;

/** Goes through the whole list, and counts what the page is made of at each place. */
async function scrolled(page, assert, name) {
  const scroller = page.locator(".t-scroll");
  const total = await count(page);
  let [most_rows, most_elements] = [0, 0];
  for (let step = 0; step <= 20; step++) {
    const top = await scroller.evaluate((at, share) => {
      at.scrollTop = share * (at.scrollHeight - at.clientHeight);
      return at.scrollTop;
    }, step / 20);
    await until(() => scroller.evaluate((at, wanted) => {
      const window = at.querySelector(".t-window").getBoundingClientRect();
      const inside = at.getBoundingClientRect();
      return Math.abs(at.scrollTop - wanted) < 100_000 && window.top < inside.bottom && window.bottom >= inside.bottom - 40;
    }, top), `rows at ${step * 5} %`);
    most_rows = Math.max(most_rows, await rows(page).count());
    most_elements = Math.max(most_elements, await elements(page));
  }
  console.log(`${name}: ${total} rows, at most ${most_rows} of them and ${most_elements} elements in the page`);
  assert(most_rows <= MOST_ROWS, `${most_rows} rows exist at once`);
  assert(most_elements <= MOST_ELEMENTS, `${most_elements} elements exist at once`);
}

scenario("2,000 containers scroll as a window, move, and are searched", async ({ open, assert, accessible }) => {
  const fake = await fakeHost({ containers: 2000, processes: 10, churn: 0, changes: 200 });
  try {
    const page = await open("#/containers?view=flat&sort=name", { url: fake.url });
    await until(async () => (await count(page)) === 2000, "2,000 rows");
    await scrolled(page, assert, "containers");
    await page.locator(".t-scroll").focus();
    await page.keyboard.press("End");
    await until(async () => (await page.locator(".t-row.active").getAttribute("data-index")) === "1999", "the last row");
    await page.keyboard.press("Home");
    await until(async () => (await page.locator(".t-row.active").getAttribute("data-index")) === "0", "the first row");
    const before = await page.locator(".t-window").innerText();
    await fake.play(5);
    await until(async () => (await page.locator(".t-window").innerText()) !== before, "other figures");
    await page.getByRole("searchbox").fill("web-1234");
    await until(async () => (await count(page)) === 1, "the one that is searched");
    await accessible(page, "2,000 containers");
    await page.goto(`${fake.url}/#/`);
    await page.locator(".costly tbody tr").first().waitFor();
    assert((await elements(page)) <= MOST_ELEMENTS);
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

scenario("5,000 processes in a tree stay a window", async ({ open, assert }) => {
  const fake = await fakeHost({ containers: 50, processes: 5000, churn: 0 });
  try {
    const page = await open("#/processes", { url: fake.url });
    await until(async () => (await count(page)) === 5000, "5,000 rows");
    await scrolled(page, assert, "processes");
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

scenario("200,000 events scroll as a window, and the page holds no more", async ({ open, assert, accessible }) => {
  const fake = await fakeHost({ containers: 3, processes: 3 });
  try {
    const page = await open("#/events", { url: fake.url });
    await page.locator(".empty-title").waitFor();
    await until(() => fake.events.all.size === 1, "a follower of the events");
    await fake.happen(200_000);
    await until(async () => (await count(page)) === 200_000, "200,000 rows");
    await scrolled(page, assert, "events");
    // a row that is looked at stays where it is while others come
    const scroller = page.locator(".t-scroll");
    await scroller.evaluate((at) => (at.scrollTop = at.scrollHeight / 2));
    const seen = () => scroller.evaluate((at) => {
      const { top } = at.getBoundingClientRect();
      const row = [...at.querySelectorAll("[data-index]")].find((each) => each.getBoundingClientRect().top >= top + 40);
      return row && `${row.innerText} ${Math.round(row.getBoundingClientRect().top)}`;
    });
    await until(async () => /tool-\d+/.test(await seen()) && Math.abs(Number(await rows(page).first().getAttribute("data-index")) - 100_000) < 200, "rows in the middle");
    const before = await seen();
    await fake.happen(500);
    await page.getByText("500 dropped here").waitFor();
    assert.equal(await count(page), 200_000);
    await until(async () => (await seen()) === before, "the same row at the same place");
    await scroller.focus();
    await page.keyboard.press("Home");
    await rowOf(page, "--number 200500").first().waitFor();
    await page.keyboard.press("End");
    await until(async () => (await page.locator(".t-row.active").getAttribute("data-index")) === "199999", "the last row");
    await accessible(page, "200,000 events");
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

scenario("a list stays a window on a screen that is zoomed in", async ({ open, assert }) => {
  const fake = await fakeHost({ containers: 2000, processes: 3, churn: 0, kept: 3000 });
  try {
    for (const hash of ["#/events", "#/containers?view=flat"]) {
      const page = await open(hash, { url: fake.url, size: { width: 320, height: 256 } });
      await until(async () => (await count(page)) >= 1000, `the rows of ${hash}`);
      await scrolled(page, assert, `${hash}, zoomed in`);
      await page.context().close();
    }
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

scenario("events that are kept are loaded as far back as somebody reads", async ({ open, assert }) => {
  const fake = await fakeHost({ containers: 3, processes: 3, kept: 5000 });
  try {
    const page = await open("#/events?range=1m&paused=2100-01-01T00:00:00Z", { url: fake.url });
    await until(async () => (await count(page)) >= 1000, "the newest");
    const first = await count(page);
    const scroller = page.locator(".t-scroll");
    await until(async () => {
      await scroller.evaluate((at) => (at.scrollTop = at.scrollHeight));
      return (await count(page)) === 5000;
    }, "all of them");
    assert(first < 5000);
    await rowOf(page, "--number 1").last().waitFor();
    await rows(page).last().click();
    await until(() => /^#\/events\/\d+/.test(hash(page)), "an event in the address");
    await inAddress(page, "range", "1m");
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

await run();
