// What the console adds where there is a script: times in the reader's zone, and the keyboard.
'use strict';

(() => {
  const language = document.documentElement.lang;

  // Times come as UTC; here they are written as the reader's zone and language have them.
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const exact = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'long' });
  function localize(root) {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.title = exact.format(at);
      if (!time.classList.contains('relative')) time.textContent = full.format(at);
    }
  }
  localize(document);

  // Keys: `/` searches, `g` and a letter goes somewhere, `?` shows them all.
  let goes = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea, dialog, [contenteditable]')) return;
    if (event.key === '/') {
      const search = document.querySelector('input[type=search]');
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === '?') {
      document.getElementById('keys')?.showModal();
    } else if (event.key === 'g') {
      goes = Date.now();
    } else if (Date.now() - goes < 1500) {
      goes = 0;
      const entry = [...document.querySelectorAll('nav.main a[data-key]')].find((a) => a.dataset.key === event.key);
      if (entry) location.assign(entry.href);
    }
  });
})();
