// The agent about itself.
import { run, scenario, until } from "./browser.mjs";
import { changed, hash, inAddress, rowOf, rows } from "./steps.mjs";

scenario("services with what they take, moving", async ({ open }) => {
  const page = await open("#/agent", { role: "viewer" });
  for (const name of ["agent", "api", "metrics", "alerts"]) await rowOf(page, name).first().waitFor();
  await page.locator(".facts", { hasText: "version" }).waitFor();
  await changed(page, ".facts", "how long it is up");
  // shares of a CPU need two looks
  await until(async () => /%/.test(await rowOf(page, "agent").first().innerText()), "a share of a CPU");
});

scenario("the run log is verified, and a run of it opened", async ({ open, tokens, url, assert }) => {
  const page = await open("#/agent?tab=runs");
  await page.request.post(`${url}/v1/runs`, { headers: { Authorization: `Bearer ${tokens.admin}` }, data: { module: "ping", parameters: { destination: "127.0.0.1", count: 1 } } });
  await page.getByText(/✓ intact: \d+ rows/).waitFor();
  await rowOf(page, "ping").first().waitFor();
  await rowOf(page, "token admin").first().waitFor();
  await page.getByRole("button", { name: "Verify again" }).click();
  await page.getByText(/✓ intact: \d+ rows/).waitFor();
  await rowOf(page, "ping").first().click();
  await until(() => /^#\/investigate\/ping\/[0-9a-f]+/.test(hash(page)), "the run");
  await page.goBack();
  await inAddress(page, "tab", "runs");
  assert.equal(await page.getByRole("button", { name: "Run log" }).getAttribute("aria-pressed"), "true");
});

scenario("the configuration is for admins, its secrets for nobody", async ({ open, assert }) => {
  const admin = await open("#/agent?tab=configuration");
  const shown = admin.locator("pre");
  await shown.waitFor();
  const text = await shown.innerText();
  assert(/"metrics"/.test(text) && /"api"/.test(text));
  assert(!/sha256": ?"[0-9a-f]{64}/.test(text), "digests of tokens are masked");
  const viewer = await open("#/agent", { role: "viewer" });
  await viewer.getByRole("button", { name: "Configuration" }).click();
  await inAddress(viewer, "tab", "configuration");
  await viewer.getByText("The configuration is for admins").waitFor();
});

await run();
