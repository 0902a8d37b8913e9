// A person authorizes a source from its page, by keys alone: goes to the provider, says no, hears what to do, goes again and
// agrees, and comes back to the page that says so. In both languages, with axe on every page in both themes.
import assert from 'node:assert/strict';
import { check, press, tell, walk } from './browser.mjs';

const { BASE } = process.env;
const WORDS = {
  en: {
    authorize: 'Authorize…', go: 'Go to the service and agree', refused: 'The service did not agree: access_denied',
    denied: 'agree at the service', again: 'Authorize again', done: 'It is authorized.', granted: 'authorized',
    waiting: 'waiting for authorization',
  },
  fr: {
    authorize: 'Autoriser…', go: 'Aller au service et accepter', refused: 'Le service a refusé : access_denied',
    denied: 'acceptez auprès du service', again: 'Autoriser de nouveau', done: 'C’est autorisé.', granted: 'autorisée',
    waiting: 'en attente d’autorisation',
  },
};

async function story(page, language) {
  const words = WORDS[language];
  const status = (word) => page.locator('.status', { hasText: word }).first().waitFor();
  await page.goto(`${BASE}/transfers/people`);
  // What was granted once stays, whatever a person says later.
  const before = language === 'en' ? words.waiting : words.granted;
  await status(before);
  await check(page, `authorize-transfer-${language}`);
  await walk(page, '/transfers/people');
  await page.goto(`${BASE}/transfers/people`);

  await press(page, words.authorize);
  await page.getByRole('link', { name: words.go }).waitFor();
  await check(page, `authorize-${language}`);
  await press(page, words.go);
  await page.getByRole('button', { name: 'Refuse' }).waitFor();
  await press(page, 'Refuse');
  await page.getByRole('alert').filter({ hasText: words.refused }).waitFor();
  await page.getByText(words.denied).waitFor();
  await page.getByText('Ann said no').waitFor();
  await check(page, `authorize-refused-${language}`);
  const cookies = await page.context().cookies(BASE);
  assert.ok(!cookies.some(({ name }) => name.includes('consent')), 'what was begun counts still');

  await press(page, words.again);
  await page.getByRole('link', { name: words.go }).waitFor();
  await press(page, words.go);
  await page.getByRole('button', { name: 'Agree' }).waitFor();
  await press(page, 'Agree');
  await page.waitForURL('**/transfers/people?notice=authorized');
  await page.getByText(words.done).waitFor();
  await status(words.granted);
  await check(page, `authorize-granted-${language}`);
}

await tell(story, 'the story is told');
