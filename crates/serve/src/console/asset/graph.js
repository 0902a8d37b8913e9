// Moves and zooms the picture of the graph: by dragging, by the keyboard, by its buttons.
'use strict';

(() => {
  const frame = document.querySelector('[data-graph]');
  const picture = frame?.querySelector('svg');
  if (!picture) return;
  const whole = picture.viewBox.baseVal;
  const all = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  let view = { ...all };
  picture.removeAttribute('width');
  picture.removeAttribute('height');
  frame.classList.add('moves');

  function show() {
    picture.setAttribute('viewBox', `${view.x} ${view.y} ${view.width} ${view.height}`);
  }
  function move(x, y) {
    view.x += x * view.width;
    view.y += y * view.height;
    show();
  }
  function zoom(factor) {
    const width = Math.min(Math.max(view.width * factor, 150), all.width * 4);
    const grown = width / view.width;
    view.x += (view.width - width) / 2;
    view.y += (view.height * (1 - grown)) / 2;
    view.width = width;
    view.height *= grown;
    show();
  }
  function reset() {
    view = { ...all };
    show();
  }

  const keys = {
    ArrowLeft: () => move(-0.1, 0), ArrowRight: () => move(0.1, 0), ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
    '+': () => zoom(0.8), '=': () => zoom(0.8), '-': () => zoom(1.25), '0': reset,
  };
  frame.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const does = keys[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
  for (const button of frame.querySelectorAll('[data-zoom]')) {
    button.addEventListener('click', () => ({ in: () => zoom(0.8), out: () => zoom(1.25), all: reset })[button.dataset.zoom]());
  }
  // A wheel without a key scrolls the page.
  frame.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.1 : 0.9);
  }, { passive: false });

  // What lies under the picture moves with the pointer; a click that did not move follows its link.
  let held = null;
  picture.addEventListener('pointerdown', (event) => { held = { x: event.clientX, y: event.clientY, moved: false }; });
  addEventListener('pointermove', (event) => {
    if (!held) return;
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moved && Math.hypot(x, y) < 4) return;
    held = { x: event.clientX, y: event.clientY, moved: true };
    const scale = view.width / picture.clientWidth;
    view.x -= x * scale;
    view.y -= y * scale;
    show();
  });
  addEventListener('pointerup', () => setTimeout(() => { held = null; }));
  picture.addEventListener('click', (event) => { if (held?.moved) event.preventDefault(); }, true);
  picture.addEventListener('dragstart', (event) => event.preventDefault());
})();
