// What several scenarios do.
import assert from "node:assert/strict";
import { until } from "./browser.mjs";

/** Rows of the table, without its head. */
export const rows = (page) => page.locator("[role=row][data-index]");
export const rowOf = (page, text) => rows(page).filter({ hasText: text });

/** A name that nothing else on this host has. */
export const unique = (begin) => `${begin}-${process.pid}-${Date.now().toString(36)}`;

/** A process that can be found by a word on its command line; its PID. It starts no other, which would have the word too
 * until it executes something. */
export const sleeper = (host, word) => host("spawn", { command: ["perl", "-e", "sleep", word] });

/** Goes by Tab until what has the focus fits the selector; the number of stops on the way. */
export async function tabTo(page, selector, most = 60) {
  for (let stops = 1; stops <= most; stops++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return stops;
  }
  assert.fail(`${most} strokes of Tab did not come to ${selector}`);
}

export const focused = (page) => page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200) ?? "");
export const hash = (page) => decodeURIComponent(new URL(page.url()).hash);
export const query = (page) => new URLSearchParams(new URL(page.url()).hash.split("?")[1] ?? "");

/** Keys right behind each other, however slow the page is: those that belong together have a second. */
export const together = (page, ...keys) => Promise.all(keys.map((key) => page.keyboard.press(key)));

/** Waits until the address has this in its words. */
export const inAddress = (page, word, value) => until(() => (value === undefined ? query(page).has(word) : query(page).get(word) === value), `${word}=${value ?? "…"} in the address`);
export const notInAddress = (page, word) => until(() => !query(page).has(word), `an address without ${word}`);

/** Waits until this text has become another one. */
export async function changed(page, selector, what = selector) {
  const text = () => page.locator(selector).first().innerText();
  const before = await text();
  return until(async () => (await text()) !== before, `a change of ${what}, which is ${before}`);
}

/** How often the browser has elements now. */
export const elements = (page) => page.evaluate(() => document.querySelectorAll("*").length);

/** Presses over a part of something from left to right. */
export async function drag(page, locator, from, to) {
  await locator.scrollIntoViewIfNeeded();
  const box = await locator.boundingBox();
  const at = (share) => [box.x + box.width * share, box.y + box.height / 2];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at((from + to) / 2), { steps: 4 });
  await page.mouse.move(...at(to), { steps: 4 });
  await page.mouse.up();
}

/** The key for the search, which the page hears from when it is drawn. */
export async function slash(page) {
  await page.keyboard.press("/");
  await until(() => page.evaluate(() => document.activeElement?.matches("main input[type=search]")), "the focus in the search");
}
