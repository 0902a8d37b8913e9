// A person signs in by OpenID Connect, by keys alone: says no at the provider, then is one without a role, then comes in, does
// something, and goes out again. An answer that was used counts no more. In both languages, with axe on every page.
import assert from 'node:assert/strict';
import { check, press, tell, walk } from './browser.mjs';

const { BASE } = process.env;
const WORDS = {
  en: {
    enter: 'Sign in with 127.0.0.1', denied: 'The provider did not sign you in: access_denied', run: 'Run now',
    noRole: 'You are Bob Example, but none of your groups has a role here.', started: 'The run has begun.',
    unproved: 'The answer of the provider does not count.', out: 'Sign out', not_begun: 'was not begun in this browser',
  },
  fr: {
    enter: 'Se connecter avec 127.0.0.1', denied: 'Le fournisseur ne vous a pas connecté : access_denied',
    run: 'Exécuter maintenant', noRole: 'Vous êtes Bob Example, mais aucun de vos groupes n’a de rôle ici.',
    started: 'L’exécution a commencé.', unproved: 'La réponse du fournisseur ne compte pas.', out: 'Se déconnecter',
    not_begun: 'n’a pas été commencée dans ce navigateur',
  },
};

// Goes to the provider and is a person there.
async function be(page, words, person) {
  await press(page, words.enter);
  await page.getByRole('button', { name: person }).waitFor();
  await press(page, person);
}

async function story(page, language, errors) {
  const words = WORDS[language];
  const context = page.context();
  const said = (text) => page.getByRole('alert').filter({ hasText: text }).waitFor();
  // The browser calls pages with a status of refusal errors.
  const refused = (status) => {
    const other = errors.filter((error) => !error.includes(String(status)));
    assert.deepEqual(other, []);
    errors.length = 0;
  };
  await page.goto(`${BASE}/integrations/shop`);
  await page.waitForURL('**/sign-in?back=*');
  await check(page, `openid-${language}`);
  await walk(page, page.url().slice(BASE.length));
  await page.goto(page.url());

  await be(page, words, 'Cancel');
  await said(words.denied);
  await check(page, `openid-denied-${language}`);
  refused(401);

  await be(page, words, 'Bob Example');
  await said(words.noRole);
  await check(page, `openid-no-role-${language}`);
  refused(403);
  // The provider remembers who Bob is.
  await context.clearCookies();

  let answer;
  page.on('request', (request) => { if (request.url().includes('/sign-in/openid/callback?')) answer = request.url(); });
  await press(page, words.enter);
  await page.getByRole('button', { name: 'Ann Example' }).waitFor();
  const begun = (await context.cookies(BASE)).filter(({ name }) => name === 'raccord-sign-in');
  assert.equal(begun.length, 1);
  await press(page, 'Ann Example');
  await page.waitForURL(`${BASE}/integrations/shop`);
  await page.getByText('Ann Example (openid ann)').waitFor();
  await press(page, words.run);
  await page.getByText(words.started).waitFor();
  await press(page, words.out);
  await page.waitForURL('**/sign-in');
  await page.goto(`${BASE}/integrations/shop`);
  await page.waitForURL('**/sign-in?back=*');
  assert.deepEqual(errors, []);

  // What was used is over, here and at the provider.
  await page.goto(answer);
  await said(words.not_begun);
  refused(400);
  await context.addCookies(begun);
  await page.goto(answer);
  await said(words.unproved);
  await page.getByText('invalid_grant').waitFor();
  refused(401);
}

await tell(story, 'the story is told', { isSignedIn: false });
