// What every page has around it.
import { run, scenario } from "./browser.mjs";

scenario("the page comes without a request to elsewhere", async ({ open, assert }) => {
  const page = await open("#/");
  await page.waitForSelector("main h1");
  assert.equal(await page.title(), "Tarsier");
  const response = await page.request.get(page.url());
  assert.match(response.headers()["content-security-policy"], /default-src 'none'/);
});

await run();
