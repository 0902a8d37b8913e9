// A person at the console, in a real browser and by keys alone: signs in, looks, sees a trip, reads why, has it mended,
// resumes. In both languages, with axe on every page in both themes, and no error on the browser's console.
//
// TOKEN has the role operate, SERVICE is the service behind the source, SECRET what no page may show.
import assert from 'node:assert/strict';
import { check, press, tell, type, walk } from './browser.mjs';

const { BASE, TOKEN, SERVICE } = process.env;
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
const control = async (what) => assert.equal((await fetch(`${SERVICE}/control?${what}`)).status, 200);

// Signs in. What is wrong is said.
async function signIn(page, words, language, errors) {
  await page.goto(`${BASE}/transfers/people`);
  assert.equal(await page.getAttribute('html', 'lang'), language);
  await check(page, `sign-in-${language}`);
  // The field has the focus already.
  await page.locator('#token:focus').waitFor();
  await page.keyboard.type('rcd_wrong');
  await type(page, 'Enter');
  await page.getByRole('alert').waitFor();
  // The browser calls a page with status 401 an error.
  assert.deepEqual(errors.filter((error) => !error.includes('401')), []);
  errors.length = 0;
  await page.locator('#token:focus').waitFor();
  await page.keyboard.type(TOKEN);
  await press(page, words.signIn);
  await page.waitForURL('**/transfers/people');
}

async function looks(page, words, language) {
  // The steps of the transfer: the primary key first, how we prove who we are, and never with what.
  await page.getByText('shop-key').waitFor();
  const first = page.locator('table.mapping tbody tr').first();
  assert.match(await first.innerText(), new RegExp(words.key));
  await check(page, `transfer-${language}`);
  await type(page, 'g', 'o');
  await page.waitForURL(`${BASE}/`);
  await type(page, '?');
  await page.locator('#keys[open]').waitFor();
  await type(page, 'Escape');
  await page.locator('#keys:not([open])').waitFor({ state: 'attached' });
  await type(page, '/');
  await page.locator('#q:focus').waitFor();
  await page.keyboard.type('people');
  await type(page, 'Enter');
  await page.waitForURL('**/?q=people*');
  await check(page, `overview-${language}`);
  await press(page, 'shop');
  await page.waitForURL('**/integrations/shop');
}

async function story(page, language, errors) {
  const words = WORDS[language];
  const standing = (word) => page.locator('p.standing .status', { hasText: word }).waitFor();
  await signIn(page, words, language, errors);
  await looks(page, words, language);
  await standing(words.active);
  await check(page, `integration-${language}`);

  // The service breaks: the page tells by itself, and why.
  await control('broken=1');
  await press(page, words.run);
  await page.locator('table.runs tr.said', { hasText: '500' }).first().waitFor();
  await press(page, words.run);
  await standing(words.tripped);
  await page.getByRole('heading', { name: words.why }).waitFor();
  await check(page, `tripped-${language}`);
  await walk(page, '/integrations/shop');
  await page.goto(`${BASE}/integrations/shop`);

  // It is mended.
  await control('broken=0');
  await press(page, words.resume);
  await standing(words.active);
  await press(page, words.run);
  await page.locator('table.runs tbody').first().locator('.status', { hasText: words.succeeded }).waitFor();

  await press(page, words.pause);
  await type(page, 'Tab');
  await page.keyboard.type('stocktaking <b>today</b>');
  await type(page, 'Enter');
  await standing(words.paused);
  await page.getByText('stocktaking <b>today</b>').waitFor();
  await check(page, `paused-${language}`);
  await press(page, words.resume);
  await standing(words.active);

  // The other language, and back; then out.
  await press(page, words.other);
  await page.waitForFunction((was) => document.documentElement.lang !== was, language);
  await press(page, WORDS[language === 'en' ? 'fr' : 'en'].other);
  await page.waitForFunction((was) => document.documentElement.lang === was, language);
  assert.deepEqual(errors, []);
  await press(page, words.signOut);
  await page.waitForURL('**/sign-in');
  await page.goto(`${BASE}/`);
  await page.locator('#token').waitFor();
}

await tell(story, 'the story is told', { isSignedIn: false });
