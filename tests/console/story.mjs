// A person at the console, in a real browser: signs in, looks, sees a trip, reads why, has it mended, resumes. In both
// languages, with axe on every page in both themes, and no error on the browser's console.
//
// BASE is the console, TOKEN a token of the role operate, SERVICE the service behind the source, MODULES where
// playwright-core and axe-core are, SECRET what no page may show.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const require = createRequire(process.env.MODULES + '/');
const { chromium } = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { BASE, TOKEN, SERVICE, SECRET } = process.env;

const WORDS = {
  en: {
    signIn: 'Sign in', overview: 'Overview', run: 'Run now', resume: 'Resume', pause: 'Pause…', pauseNow: 'Pause',
    tripped: 'tripped', why: 'Why it was disabled', paused: 'paused', active: 'active', failing: 'failing',
    key: 'primary key', signOut: 'Sign out', other: 'Français', succeeded: 'succeeded',
  },
  fr: {
    signIn: 'Se connecter', overview: 'Vue d’ensemble', run: 'Exécuter maintenant', resume: 'Reprendre',
    pause: 'Mettre en pause…', pauseNow: 'Mettre en pause', tripped: 'désactivée', why: 'Pourquoi elle a été désactivée',
    paused: 'en pause', active: 'active', failing: 'en échec', key: 'clé primaire', signOut: 'Se déconnecter',
    other: 'English', succeeded: 'réussie',
  },
};
const LOCALES = { en: 'en-GB', fr: 'fr-FR' };
const SHOTS = process.env.SHOTS;

const control = async (what) => assert.equal((await fetch(`${SERVICE}/control?${what}`)).status, 200);

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'raccord-console-'));
// A profile of its own, and no service of the browser's maker is asked for anything.
const context = async (locale) => chromium.launchPersistentContext(path.join(home, locale), {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
  locale,
  timezoneId: 'Europe/Paris',
  viewport: { width: 1280, height: 800 },
});

async function tell(language) {
  const words = WORDS[language];
  const browser = await context(LOCALES[language]);
  const page = browser.pages()[0] ?? await browser.newPage();
  page.setDefaultTimeout(15_000);
  const errors = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(error.message));

  // No violation of WCAG 2.2 AA in either theme, no wider than a telephone, no secret.
  async function check(name) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      assert.deepEqual(told, [], `${language} ${name} ${colorScheme}`);
      if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}-${language}-${colorScheme}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 360, height: 700 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${name} is ${width} wide`);
    await page.setViewportSize({ width: 1280, height: 800 });
    assert.ok(!(await page.content()).includes(SECRET), `${name} shows a secret`);
    assert.equal(await page.getAttribute('html', 'lang'), language);
  }
  const standing = (word) => page.locator('p.standing .status', { hasText: word }).waitFor();

  // Sign in. What is wrong is said.
  await page.goto(`${BASE}/transfers/people`);
  await check('sign-in');
  await page.fill('#token', 'rcd_wrong');
  await page.press('#token', 'Enter');
  await page.getByRole('alert').waitFor();
  // The browser calls a page with status 401 an error.
  assert.equal(errors.filter((error) => !error.includes('401')).length, 0, errors.join('\n'));
  errors.length = 0;
  await page.fill('#token', TOKEN);
  await page.getByRole('button', { name: words.signIn }).click();
  await page.waitForURL('**/transfers/people');

  // The steps of the transfer: the primary key first, how we prove who we are, and never with what.
  await page.getByText('shop-key').waitFor();
  const first = page.locator('table.mapping tbody tr').first();
  assert.match(await first.innerText(), new RegExp(words.key));
  await check('transfer');

  // By keys alone.
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await page.waitForURL(`${BASE}/`);
  await page.keyboard.press('?');
  await page.locator('#keys[open]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#keys:not([open])').waitFor({ state: 'attached' });
  await page.keyboard.press('/');
  await page.locator('#q:focus').waitFor();
  await page.keyboard.type('people');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/?q=people*');
  await check('overview');
  await page.getByRole('link', { name: 'shop', exact: true }).first().click();
  await standing(words.active);
  await check('integration');

  // The service breaks: the page tells by itself, and why.
  await control('broken=1');
  await page.getByRole('button', { name: words.run }).click();
  await page.locator('table.runs tr.said', { hasText: '500' }).first().waitFor();
  await page.getByRole('button', { name: words.run }).click();
  await standing(words.tripped);
  await page.getByRole('heading', { name: words.why }).waitFor();
  await check('tripped');

  // It is mended.
  await control('broken=0');
  await page.getByRole('button', { name: words.resume }).click();
  await standing(words.active);
  await page.getByRole('button', { name: words.run }).click();
  await page.locator('table.runs tbody').first().locator('.status', { hasText: words.succeeded }).waitFor();

  // A pause, by keys alone.
  await page.locator('summary', { hasText: words.pause }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.type('stocktaking <b>today</b>');
  await page.keyboard.press('Enter');
  await standing(words.paused);
  await page.getByText('stocktaking <b>today</b>').waitFor();
  await check('paused');
  await page.getByRole('button', { name: words.resume }).click();
  await standing(words.active);

  // The other language, and back; then out.
  await page.getByRole('button', { name: words.other }).click();
  await page.waitForFunction((was) => document.documentElement.lang !== was, language);
  const back = WORDS[language === 'en' ? 'fr' : 'en'].other;
  await page.getByRole('button', { name: back }).click();
  await page.waitForFunction((was) => document.documentElement.lang === was, language);
  assert.deepEqual(errors, []);
  await page.getByRole('button', { name: words.signOut }).click();
  await page.waitForURL('**/sign-in');
  await page.goto(`${BASE}/`);
  await page.locator('#token').waitFor();
  assert.deepEqual(errors, []);
  await browser.close();
}

try {
  for (const language of ['en', 'fr']) await tell(language);
  console.log('the story is told');
} finally {
  fs.rmSync(home, { recursive: true, force: true });
}
