// For faces.py: opens URL in Chromium, prints one JSON line with the page's own timings, and keeps it open until its
// standard input ends; then prints the heap. Arguments: URL, path of the browser.
import { createRequire } from "node:module";

const require = createRequire(new URL("../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const [url, executablePath] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.goto("about:blank"); // the renderer is there before the clock runs
await page.goto(url, { waitUntil: "load" });
await page.waitForSelector("main h1");
const timings = await page.evaluate(
  () =>
    new Promise((resolve) => {
      const told = (list) => {
        const paint = list.find((entry) => entry.name === "first-contentful-paint");
        if (!paint) return;
        const [navigation] = performance.getEntriesByType("navigation");
        resolve({ paint: paint.startTime, load: navigation.loadEventEnd, bytes: navigation.transferSize +
          performance.getEntriesByType("resource").reduce((sum, entry) => sum + entry.transferSize, 0) });
      };
      new PerformanceObserver((list) => told(list.getEntries())).observe({ type: "paint", buffered: true });
    }),
);
console.log(JSON.stringify(timings));
for await (const chunk of process.stdin) void chunk;
const session = await page.context().newCDPSession(page);
await session.send("HeapProfiler.collectGarbage");
const { usedSize } = await session.send("Runtime.getHeapUsage");
console.log(JSON.stringify({ heap: usedSize }));
await browser.close();
