// A day in minutes: a host plays the pictures of 24 hours, the page's clock and timers run that much faster, and somebody
// goes through the pages. What the page holds after a quarter of the day it holds at its end, and no more.
import { run, scenario, until } from "./browser.mjs";
import { fakeHost } from "./fake.mjs";
import { rowOf } from "./steps.mjs";

const PICTURES = 43_200; // 24 hours of one in 2 s
const AT_ONCE = 40; // pictures a piece: what a network gathers for a page that is busy
const SCALE = 1000; // of the page's clock
const EVENTS = 500_000;
const MiB = 2 ** 20;

/** In the page: clock and timers go `scale` times as fast; no timer more often than 50 times a second. */
function fast(scale) {
  const [now, timeout, interval, begin] = [Date.now, setTimeout, setInterval, Date.now()];
  const scaled = () => begin + (now() - begin) * scale;
  globalThis.Date = new Proxy(Date, {
    construct: (target, given) => (given.length ? new target(...given) : new target(scaled())),
    get: (target, name) => (name === "now" ? scaled : target[name]),
  });
  const shorter = (time = 0) => (time ? Math.max(20, time / scale) : 0);
  globalThis.setTimeout = (run, time, ...rest) => timeout(run, shorter(time), ...rest);
  globalThis.setInterval = (run, time, ...rest) => interval(run, shorter(time), ...rest);
}

async function weigher(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("HeapProfiler.enable");
  return async (what) => {
    for (let twice = 0; twice < 2; twice++) await client.send("HeapProfiler.collectGarbage");
    const { usedSize } = await client.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await client.send("Memory.getDOMCounters");
    const found = { heap: usedSize / MiB, nodes, listeners: jsEventListeners };
    console.log(`${what}: heap ${found.heap.toFixed(2)} MiB, ${nodes} nodes, ${jsEventListeners} listeners`);
    return found;
  };
}

scenario("a day of pictures leaves nothing behind", async ({ open, assert }) => {
  const fake = await fakeHost({ containers: 100, processes: 300, churn: 1, changes: 8 });
  try {
    const page = await open("#/", { url: fake.url, before: [fast, SCALE] });
    await page.locator(".tile").first().waitFor();
    const weigh = await weigher(page);
    const began = Date.now();
    const shows = () => until(async () => (await page.locator(".page-head").innerText()).includes(`picture ${fake.host.pictures} `), "the newest picture");
    const visit = async (hash, pictures) => {
      await page.evaluate((to) => (location.hash = to), hash);
      await until(() => fake.feed.all.size === 1 || hash === "#/events", "the feed");
      await fake.play(pictures, AT_ONCE);
    };
    /** Through the pages for so many pictures, the last of them on the overview. */
    const pass = async (pictures) => {
      const end = fake.host.pictures + pictures;
      const one = fake.host.containers.keys().next().value.slice(1);
      const places = ["#/containers", `#/containers/${one}`, "#/processes?view=flat", "#/processes", "#/events", "#/alerts", "#/agent"];
      for (const place of places) {
        await page.evaluate((to) => (location.hash = to), place);
        await page.locator("main h1").waitFor();
        await fake.play(Math.floor(pictures / 16), AT_ONCE);
      }
      await visit("#/", 0);
      await page.locator(".tile").first().waitFor();
      await fake.play(end - fake.host.pictures, AT_ONCE);
      await shows();
      await page.locator(".costly tbody tr").nth(11).waitFor();
    };
    await pass(PICTURES / 4);
    const quarter = await weigh("after 6 hours");
    await pass(PICTURES / 4);
    const half = await weigh("after 12 hours");
    await pass(PICTURES / 2);
    const whole = await weigh("after 24 hours");
    console.log(`${fake.host.pictures} pictures in ${((Date.now() - began) / 1000).toFixed(0)} s, ${fake.requests} requests, ${fake.host.next} containers and processes were there`);
    for (const later of [half, whole]) {
      assert(later.heap <= quarter.heap * 1.2 + 1.5, `the heap grows: ${quarter.heap} MiB to ${later.heap} MiB`);
      // what is drawn at the moment differs by some hundreds, what one pass through the pages would leave is thousands
      assert(later.nodes <= quarter.nodes + 1000, `the page grows: ${quarter.nodes} nodes to ${later.nodes}`);
      assert(later.listeners <= quarter.listeners * 1.1 + 20, `listeners: ${quarter.listeners} to ${later.listeners}`);
    }
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

scenario("half a million events leave 200,000", async ({ open, assert }) => {
  const fake = await fakeHost({ containers: 3, processes: 3 });
  try {
    const page = await open("#/events", { url: fake.url });
    await page.locator(".empty-title").waitFor();
    await until(() => fake.events.all.size === 1, "a follower of the events");
    const weigh = await weigher(page);
    const began = Date.now();
    const found = [];
    for (const part of [1 / 4, 1 / 4, 1 / 2]) {
      await fake.happen(EVENTS * part);
      const rows = Math.min(fake.newest, 200_000);
      await until(async () => Number(await page.getByRole("grid").getAttribute("aria-rowcount")) - 1 === rows, `${rows} rows`);
      // its newest is the newest: an exec, whose line has the number
      await rowOf(page, `--number ${fake.newest}`).first().waitFor();
      if (fake.newest > rows) await page.getByText(/\d.* dropped here/).waitFor();
      found.push(await weigh(`after ${fake.newest} events`));
    }
    console.log(`${fake.newest} events in ${((Date.now() - began) / 1000).toFixed(0)} s`);
    const [, half, whole] = found;
    assert(whole.heap <= half.heap * 1.05 + 4, `the heap grows: ${half.heap} MiB to ${whole.heap} MiB`);
    assert(whole.nodes <= half.nodes * 1.1 + 200, `the page grows: ${half.nodes} nodes to ${whole.nodes}`);
  } finally {
    fake.close();
  }
}, { allow: /ERR_/ }); // the server goes first

await run();
