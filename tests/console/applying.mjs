// A person applies the plan that waits, by keys alone: reads what it means, allows what it deletes, says that they have read
// it, and applies it. LANGUAGE is that of the browser; TOKEN has the role apply.
import { check, press, reach, tell, type, walk } from './browser.mjs';

const { BASE, LANGUAGE } = process.env;
const WORDS = {
  en: { apply: 'Apply these changes…', now: 'Apply', applied: 'The changes are applied.', none: 'No change waits for approval.' },
  fr: {
    apply: 'Appliquer ces changements…', now: 'Appliquer', applied: 'Les changements sont appliqués.',
    none: 'Aucun changement n’attend d’approbation.',
  },
};

async function story(page, language) {
  const words = WORDS[language];
  await walk(page, '/changes');
  await page.goto(`${BASE}/changes`);
  await check(page, `pending-${language}`);
  await press(page, words.apply);
  await reach(page, 'sure');
  await type(page, 'Space');
  await press(page, words.now);
  await page.waitForURL('**/changes?notice=applied');
  await page.getByText(words.applied).waitFor();
  await page.getByText(words.none).waitFor();
  await check(page, `applied-${language}`);
}

await tell(story, 'it is applied', { languages: [LANGUAGE] });
