// Records, rejects, changes, the graph and the audit log in a real browser: axe on each in both themes and both languages; a
// held run is approved, a reject replayed and a generation gone back to, by keys alone.
//
// BASE is the console, TOKEN a token of the roles operate and apply, MODULES where playwright-core and axe-core are, SHOTS
// where pictures of the pages go, if any are wanted.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const require = createRequire(process.env.MODULES + '/');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { BASE, TOKEN, SHOTS } = process.env;
const LOCALES = { en: 'en-GB', fr: 'fr-FR' };
const PAGES = {
  entities: '/records', records: '/records/shop.customer', record: '/records/shop.customer/record?key=00', rejects: '/rejects',
  changes: '/changes', generation: '/changes/2', rollback: '/changes/1/rollback', graph: '/graph', audit: '/audit',
};
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'raccord-pages-'));

async function open(language) {
  const browser = await chromium.launchPersistentContext(path.join(home, language), {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
    locale: LOCALES[language],
    viewport: { width: 1280, height: 800 },
  });
  const page = browser.pages()[0] ?? await browser.newPage();
  page.setDefaultTimeout(15_000);
  const errors = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`${BASE}/sign-in`);
  await page.fill('#token', TOKEN);
  await page.press('#token', 'Enter');
  await page.waitForURL(`${BASE}/`);
  return { browser, page, errors };
}

async function check(page, name) {
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
}

// Opens a question, ticks its box, and says yes.
async function agree(page, question) {
  await page.locator('summary', { hasText: question }).first().focus();
  for (const key of ['Enter', 'Tab', 'Space', 'Tab', 'Enter']) await page.keyboard.press(key);
}

async function act(page) {
  await page.goto(`${BASE}/graph`);
  await page.locator('[data-graph]').focus();
  const view = () => page.getAttribute('[data-graph] svg', 'viewBox');
  const whole = await view();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('+');
  assert.notEqual(await view(), whole);
  await page.keyboard.press('0');
  assert.equal(await view(), whole);

  await page.goto(`${BASE}/changes`);
  await agree(page, 'Approve…');
  await page.getByText('The run is approved.').waitFor();
  await page.getByText('No run is held.').waitFor();
  await check(page, 'approved-en');

  await page.goto(`${BASE}/rejects`);
  await page.locator('table a[href^="/rejects/groups/"]').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/rejects/groups/**');
  await check(page, 'group-en');
  await page.locator('td a[href^="/rejects/"]').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('pre mark').waitFor();
  await check(page, 'reject-en');
  await agree(page, 'Replay this record…');
  await page.getByText('1 replayed').waitFor();
  await check(page, 'replayed-en');

  await page.goto(`${BASE}/changes/1/rollback`);
  await page.locator('input[name=allowDelete]').focus();
  for (const key of ['Space', 'Tab', 'Tab', 'Space', 'Tab', 'Enter']) await page.keyboard.press(key);
  await page.getByText('The earlier configuration is in force again.').waitFor();
}

try {
  for (const language of ['en', 'fr']) {
    const { browser, page, errors } = await open(language);
    for (const [name, where] of Object.entries(PAGES)) {
      await page.goto(BASE + where);
      await check(page, `${name}-${language}`);
    }
    if (language === 'en') await act(page);
    assert.deepEqual(errors, []);
    await browser.close();
  }
  console.log('all pages are as they should be');
} finally {
  fs.rmSync(home, { recursive: true, force: true });
}
