// What the stories share: a browser with a profile of its own, a page signed in, and what every page has to be.
//
// BASE is the console, TOKEN a token, MODULES where playwright-core and axe-core are, SHOTS where pictures of the pages go, if
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
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 360, height: 700 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `${name} is ${width} wide`);
  await page.setViewportSize({ width: 1280, height: 800 });
  if (SECRET) assert.ok(!(await page.content()).includes(SECRET), `${name} shows a secret`);
}

// Goes to what can be pressed and has these words by the Tab key alone, as a person without a mouse does, and presses it.
export async function press(page, words, key = 'Enter') {
  await reach(page, words);
  await page.keyboard.press(key);
}

// Goes there, and no further.
export async function reach(page, words) {
  for (let step = 0; step < 200; step += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const { activeElement: at } = document;
      const label = at?.labels?.[0]?.textContent ?? '';
      return [at?.tagName, at?.textContent?.trim(), label.trim(), at?.getAttribute('aria-label'), at?.name];
    });
    if (here.slice(1).includes(words)) return;
  }
  throw new Error(`no Tab leads to "${words}" on ${page.url()}`);
}

// Tells a story in languages, and says that it has ended.
export async function tell(story, end, languages = ['en', 'fr']) {
  try {
    for (const language of languages) {
      const { browser, page, errors } = await open(language);
      await signIn(page);
      await story(page, language);
      assert.deepEqual(errors, []);
      await browser.close();
    }
    console.log(end);
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}
