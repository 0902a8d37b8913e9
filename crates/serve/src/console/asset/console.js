// What the console adds where there is a script: times in the reader's zone, news as it comes, and the keyboard.
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

  // A page that follows what happens asks for itself again when it hears of news, unless a person is at work in it.
  const main = document.querySelector('main[data-live]');
  function isAtWork() {
    const active = document.activeElement;
    return document.hidden || main.querySelector('details[open]') || document.querySelector('dialog[open]')
      || (main.contains(active) && active.matches('input, select, textarea')) || !getSelection().isCollapsed;
  }
  let [due, last, asks] = [false, Date.now(), false];
  async function refresh() {
    if (!due || asks || isAtWork() || Date.now() - last < main.dataset.live * 1000) return;
    [due, last, asks] = [false, Date.now(), true];
    try {
      const answer = await fetch(location.href, { headers: { 'raccord-live': '1' }, redirect: 'manual' });
      // The session is over: the page says so when the person goes on.
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
      if (!next || isAtWork()) { due = true; return; }
      localize(next);
      const focused = main.contains(document.activeElement) && document.activeElement.getAttribute('href');
      main.replaceChildren(...next.childNodes);
      if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    } catch {
      // The daemon is away: the stream comes back when it does.
      due = true;
    } finally {
      asks = false;
    }
  }
  if (main) {
    const news = new EventSource('/events');
    news.addEventListener('message', () => { due = true; });
    setInterval(refresh, 500);
    addEventListener('pagehide', () => news.close());
  }

  // Keys: `/` searches, `g` and a letter goes somewhere, `?` shows them all.
  let goes = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // What a dialog held keeps the focus for a moment after it is closed.
    if (event.target.closest('input, select, textarea, dialog[open], [contenteditable]')) return;
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
