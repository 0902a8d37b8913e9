// Records, rejects, changes, the graph and the audit log in a real browser: axe on each in both themes; and every action of a
// page by keys alone: a held run is approved, rejects are replayed (one, a group, all), a generation is gone back to, an
// integration is run, paused with a reason and an end, and resumed, its alert is tested, and a transfer reads again.
//
// LANGUAGE is that of the browser; TOKEN has the roles operate and apply.
import assert from 'node:assert/strict';
import { check, press, reach, tell, type, walk } from './browser.mjs';

const { BASE, LANGUAGE } = process.env;
const WORDS = {
  en: {
    which: 'Look at the rows that would go', pendingDeletions: 'These rows go when the held run is approved.',
    came: 'The last reject, as it came', approve: 'Approve…', approved: 'The run is approved.', held: 'No run is held.', one: 'Replay this record…',
    group: 'Replay these…', all: 'Replay all of customers…', rolledBack: 'The earlier configuration is in force again.',
    run: 'Run now', started: 'The run has begun.', pause: 'Pause…', paused: 'The integration is paused.', until: 'until',
    resume: 'Resume', resumed: 'The integration is resumed.', alert: 'Test the alert…', send: 'Send the test',
    resync: 'Read again…', resynced: 'The next run reads everything again.',
  },
  fr: {
    which: 'Voir les lignes qui disparaîtraient',
    pendingDeletions: 'Ces lignes disparaissent quand l’exécution retenue est approuvée.',
    came: 'Le dernier rejet, tel que reçu', approve: 'Approuver…', approved: 'L’exécution est approuvée.', held: 'Aucune exécution n’est retenue.',
    one: 'Rejouer cet enregistrement…', group: 'Rejouer ceux-ci…', all: 'Rejouer tous ceux de customers…',
    rolledBack: 'L’ancienne configuration est à nouveau en vigueur.', run: 'Exécuter maintenant',
    started: 'L’exécution a commencé.', pause: 'Mettre en pause…', paused: 'L’intégration est en pause.', until: 'jusqu’au',
    resume: 'Reprendre', resumed: 'L’intégration a repris.', alert: 'Tester l’alerte…', send: 'Envoyer le test',
    resync: 'Relire…', resynced: 'La prochaine exécution relit tout.',
  },
};
const PAGES = {
  entities: '/records', records: '/records/shop.customer', record: '/records/shop.customer/record?key=00', rejects: '/rejects',
  changes: '/changes', generation: '/changes/2', rollback: '/changes/1/rollback', graph: '/graph', audit: '/audit',
};

// Opens a question, ticks its box, and says yes.
async function agree(page, question) {
  await press(page, question);
  await type(page, 'Tab', 'Space', 'Tab', 'Enter');
}

async function looks(page, words, language) {
  // What the source has shown, and what is stored, beside the mapping.
  await page.goto(`${BASE}/transfers/customers`);
  await page.getByRole('columnheader', { name: words.came }).waitFor();
  await page.goto(`${BASE}/graph`);
  await reach(page, { data: 'graph' });
  const view = () => page.getAttribute('[data-graph] svg', 'viewBox');
  const whole = await view();
  await type(page, 'ArrowRight', '+');
  assert.notEqual(await view(), whole);
  await type(page, '0');
  assert.equal(await view(), whole);
  assert.equal(await page.getAttribute('html', 'lang'), language);
}

async function changes(page, words, language) {
  // The page of a transfer leads to the run of it that is held.
  await page.goto(`${BASE}/transfers/customers`);
  await press(page, words.approve);
  await page.waitForURL('**/changes#held');
  await press(page, words.which);
  await page.waitForURL('**/records/shop.customer?held=*');
  await page.getByText(words.pendingDeletions).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 39);
  await check(page, `pending-deletions-${language}`);
  await walk(page, page.url().slice(BASE.length));
  await page.goto(`${BASE}/changes`);
  await agree(page, words.approve);
  await page.getByText(words.approved).waitFor();
  await page.getByText(words.held).waitFor();
  await check(page, `approved-${language}`);
}

async function rejects(page, words, language) {
  const toGroup = () => reach(page, { href: '/rejects/groups/' });
  await page.goto(`${BASE}/rejects`);
  await toGroup();
  await type(page, 'Enter');
  await page.waitForURL('**/rejects/groups/**');
  await check(page, `group-${language}`);
  await walk(page, page.url().slice(BASE.length));
  await page.goto(page.url());
  await reach(page, { href: '/rejects/' });
  await type(page, 'Enter');
  await page.locator('pre mark').waitFor();
  await check(page, `reject-${language}`);
  await walk(page, page.url().slice(BASE.length));
  await page.goto(page.url());
  await agree(page, words.one);
  // What the engine says is in English, and marked so.
  await page.locator('[lang=en]', { hasText: '1 replayed' }).last().waitFor();
  await check(page, `replayed-${language}`);

  await page.goto(`${BASE}/rejects`);
  await toGroup();
  await type(page, 'Enter');
  await page.waitForURL('**/rejects/groups/**');
  await agree(page, words.group);
  await page.getByText('3 replayed').waitFor();

  // Without a key they stay.
  await page.goto(`${BASE}/rejects`);
  await agree(page, words.all);
  await page.getByText('3 replayed').waitFor();
}

async function rollback(page, words) {
  await page.goto(`${BASE}/changes/1/rollback`);
  await reach(page, 'allowDelete');
  await type(page, 'Space', 'Tab', 'Tab', 'Space', 'Tab', 'Enter');
  await page.getByText(words.rolledBack).waitFor();
}

async function integration(page, words, language) {
  await page.goto(`${BASE}/integrations/shop`);
  await press(page, words.run);
  await page.getByText(words.started).waitFor();
  await press(page, words.pause);
  await type(page, 'Tab');
  await page.keyboard.type('stocktaking');
  await type(page, 'Tab');
  await page.keyboard.type('48');
  await type(page, 'Enter');
  await page.getByText(words.paused).waitFor();
  await page.getByText('stocktaking').waitFor();
  await page.getByText(words.until).first().waitFor();
  await check(page, `paused-until-${language}`);
  await press(page, words.resume);
  await page.getByText(words.resumed).waitFor();
  await press(page, words.alert);
  await press(page, words.send);
  await page.waitForURL('**/test-alert');
  await page.getByText('ops@example.com').waitFor();
  await check(page, `alerted-${language}`);

  await page.goto(`${BASE}/transfers/customers`);
  await press(page, words.resync);
  await type(page, 'Tab', 'Tab', 'Space', 'Tab', 'Enter');
  await page.getByText(words.resynced).waitFor();
  await check(page, `resynced-${language}`);
}

async function story(page, language) {
  const words = WORDS[language];
  for (const [name, where] of Object.entries(PAGES)) {
    await page.goto(BASE + where);
    await check(page, `${name}-${language}`);
  }
  let pressed = 0;
  for (const where of [...Object.values(PAGES), '/', '/integrations/shop', '/transfers/customers']) {
    pressed += await walk(page, where);
  }
  assert.ok(pressed > 100, `${pressed} links and buttons`);
  await looks(page, words, language);
  await changes(page, words, language);
  await rejects(page, words, language);
  await rollback(page, words);
  await integration(page, words, language);
}

await tell(story, 'all pages are as they should be', { languages: [LANGUAGE] });
