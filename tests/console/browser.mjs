// What the stories share: a browser with a profile of its own, a page signed in, and what every page has to be.
//
// BASE is the console, TOKEN a token where a story begins signed in, MODULES where playwright-core and axe-core are, SHOTS where pictures of the pages go, if
// any are wanted, SECRET what no page may show, if there is something.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const require = createRequire(process.env.MODULES + '/');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { BASE, TOKEN, SHOTS, SECRET } = process.env;
const LOCALES = { en: 'en-GB', fr: 'fr-FR' };
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'raccord-console-'));

// A page in a language, not signed in yet. No service of the browser's maker is asked for anything.
export async function open(language) {
  const browser = await chromium.launchPersistentContext(path.join(home, language), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
    locale: LOCALES[language],
    timezoneId: 'Europe/Paris',
    viewport: { width: 1280, height: 800 },
  });
  const page = browser.pages()[0] ?? await browser.newPage();
  page.setDefaultTimeout(15_000);
  const errors = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(error.message));
  return { browser, page, errors };
}

export async function signIn(page) {
  await page.goto(`${BASE}/sign-in`);
  await page.fill('#token', TOKEN);
  await page.press('#token', 'Enter');
  await page.waitForURL(`${BASE}/`);
}

// No violation of WCAG 2.2 AA in either theme, no wider than a telephone, no secret.
export async function check(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
    assert.deepEqual(told, [], `${name} ${colorScheme}`);
    if (SHOTS) await picture(page, `${SHOTS}/${name}-${colorScheme}.png`);
  }
  await page.setViewportSize({ width: 360, height: 700 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `${name} is ${width} wide`);
  await page.setViewportSize({ width: 1280, height: 800 });
  if (SECRET) assert.ok(!(await page.content()).includes(SECRET), `${name} shows a secret`);
}

// A picture of a page, or of the beginning of a long one.
async function picture(page, to) {
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width: 1280, height: Math.min(whole, 1000) };
  await page.screenshot({ path: to, fullPage: true, clip });
}

// Presses keys one after the other.
export async function type(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

// Goes to what can be pressed and has these words by the Tab key alone, as a person without a mouse does, and presses it.
export async function press(page, words, key = 'Enter') {
  await reach(page, words);
  await page.keyboard.press(key);
}

// Goes there, and no further: to words, or to what is in the table that leads to a path or has data of a name.
export async function reach(page, wanted) {
  for (let step = 0; step < 300; step += 1) {
    await page.keyboard.press('Tab');
    const isThere = await page.evaluate((wanted) => {
      const { activeElement: at } = document;
      if (wanted.href) return at.closest('td') !== null && at.getAttribute('href')?.startsWith(wanted.href) === true;
      if (wanted.data) return at.dataset[wanted.data] !== undefined;
      const label = at.labels?.[0]?.textContent ?? '';
      return [at.textContent?.trim(), label.trim(), at.getAttribute('aria-label'), at.name].includes(wanted);
    }, wanted);
    if (isThere) return;
  }
  throw new Error(`no Tab leads to ${JSON.stringify(wanted)} on ${page.url()}`);
}

// What can have the focus on a page and is seen, each with a number that stays with it.
async function controls(page) {
  return page.evaluate(() => {
    window.numbers ??= new Map();
    const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    const seen = [...document.querySelectorAll(all)].filter((at) => at.checkVisibility() && !at.disabled);
    for (const at of seen) if (!window.numbers.has(at)) window.numbers.set(at, window.numbers.size);
    return seen.map((at) => [window.numbers.get(at), at.outerHTML.slice(0, 200)]);
  });
}

// What has the focus: its number, and what pressing it does.
async function focused(page) {
  return page.evaluate(() => {
    const { activeElement: at } = document;
    const number = window.numbers.get(at);
    if (number === undefined) return undefined;
    const box = at.getBoundingClientRect();
    const isSeen = at.matches(':focus-visible') && box.bottom > 0 && box.top < window.innerHeight;
    const { type, form, required, value } = at;
    // A link in a picture has its name in small letters and its address in parts.
    const tagName = at.tagName.toUpperCase();
    const isForm = tagName === 'BUTTON' && type === 'submit' && form && form.method !== 'dialog';
    const href = at.href?.baseVal === undefined ? at.href : new URL(at.href.baseVal, document.baseURI).href;
    const leads = tagName === 'A' ? href : isForm ? new URL(form.getAttribute('action') ?? '', document.baseURI).href : undefined;
    const method = isForm ? form.method.toUpperCase() : 'GET';
    return { number, isSeen, tagName, type, required, value, leads, method, isOpen: at.parentElement?.open, html: at.outerHTML.slice(0, 200) };
  });
}

// Goes over a page by the Tab key alone. All that can be pressed is reached, seen where it is, and does by Enter and by Space
// what it is for; nothing that is sent reaches the console. Returns how many links and buttons were pressed.
export async function walk(page, where) {
  await page.goto(BASE + where);
  const [asked, held] = [[], new Set()];
  const hold = (route, request) => {
    if (!request.isNavigationRequest()) return route.continue();
    held.add(request);
    return route.fulfill({ status: 204 });
  };
  // The browser ignores a link to where it is going already: the next key waits until it goes nowhere any more.
  const over = (request) => {
    if (held.delete(request)) asked.push([request.method(), request.url().split(/[?#]/)[0]]);
  };
  page.on('requestfinished', over);
  page.on('requestfailed', over);
  // What is downloaded is not held: the browser asks for it elsewhere. It only reads.
  const download = (file) => {
    asked.push(['GET', file.url().split(/[?#]/)[0]]);
    file.cancel().catch(() => {});
  };
  page.on('download', download);
  await page.route('**/*', hold);
  const [reached, pressed] = [new Set(), new Set()];
  let left = 0;
  for (let step = 0; step < 1000; step += 1) {
    await controls(page);
    // A page may begin with the focus where a person types first.
    if (step || !await focused(page)) await page.keyboard.press('Tab');
    const at = await focused(page);
    // Beyond the last the focus leaves the page; then it comes back to the first.
    if (!at) { if ((left += 1) > 1) break; else continue; }
    if (reached.has(at.number)) break;
    reached.add(at.number);
    assert.ok(at.isSeen, `${where}: the focus is not seen at ${at.html}`);
    if (at.tagName === 'SUMMARY' && !at.isOpen) await page.keyboard.press('Enter');
    if (at.type === 'checkbox' && at.required) await page.keyboard.press('Space');
    if (at.required && (at.type === 'text' || at.type === 'password') && !at.value) await page.keyboard.type('x');
    if (!at.leads || at.leads.includes('#')) continue;
    for (const key of at.tagName === 'A' ? ['Enter'] : ['Enter', 'Space']) {
      asked.length = 0;
      // On a busy machine the browser may still be on its way, and ignore the key: then it is pressed once more.
      for (let press = 0; press < 2 && !asked.length; press += 1) {
        await page.keyboard.press(key);
        for (let wait = 0; wait < 250 && !asked.length; wait += 1) await page.waitForTimeout(20);
      }
      assert.deepEqual(asked, [[at.method, at.leads.split('?')[0]]], `${where}: ${key} at ${at.html}`);
    }
    pressed.add(at.number);
  }
  const missed = (await controls(page)).filter(([number]) => !reached.has(number)).map(([, html]) => html);
  assert.deepEqual(missed, [], `${where}: no Tab leads there`);
  await page.unroute('**/*', hold);
  page.off('download', download);
  page.off('requestfinished', over);
  page.off('requestfailed', over);
  return pressed.size;
}

// Tells a story in languages, and says that it has ended. Unless it signs in itself, it begins signed in.
export async function tell(story, end, { languages = ['en', 'fr'], isSignedIn = true } = {}) {
  try {
    for (const language of languages) {
      const { browser, page, errors } = await open(language);
      if (isSignedIn) await signIn(page);
      await story(page, language, errors);
      assert.deepEqual(errors, []);
      await browser.close();
    }
    console.log(end);
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}
