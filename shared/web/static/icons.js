// Icons: 16 by 16, drawn with the colour of the text beside them. Those of
// states differ in shape, since colour alone tells some people nothing.
import { html } from './view.js';

const shapes = {
  ok: html`<circle cx="8" cy="8" r="6" fill="currentColor" /><path d="M5.2 8.2l2 2 3.6-4" class="cut" />`,
  warn: html`<path d="M8 1.8l6.8 12.2H1.2z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" /><path d="M8 6.3v3.6M8 11.6v.6" class="cut" />`,
  bad: html`<path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z" fill="currentColor" /><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" class="cut" />`,
  off: html`<circle cx="8" cy="8" r="5.2" class="line" />`,
  none: html`<path d="M4.5 8h7" class="line" />`,
  busy: html`<circle cx="8" cy="8" r="5.2" class="line" /><path d="M8 2.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor" />`,
  info: html`<circle cx="8" cy="8" r="6" class="line" /><path d="M8 7.4v3.4M8 5v.4" class="line" />`,
  search: html`<circle cx="7" cy="7" r="4.4" class="line" /><path d="M10.4 10.4L14 14" class="line" />`,
  add: html`<path d="M8 3v10M3 8h10" class="line" />`,
  remove: html`<path d="M4 4l8 8M12 4l-8 8" class="line" />`,
  back: html`<path d="M9.8 3.5L5.2 8l4.6 4.5" class="line" />`,
  next: html`<path d="M6.2 3.5L10.8 8l-4.6 4.5" class="line" />`,
  up: html`<path d="M3.5 9.8L8 5.2l4.5 4.6" class="line" />`,
  down: html`<path d="M3.5 6.2L8 10.8l4.5-4.6" class="line" />`,
  sync: html`<path d="M13 6.5A5.3 5.3 0 0 0 3.4 5M3 9.5A5.3 5.3 0 0 0 12.6 11M3.2 2.4V5h2.6M12.8 13.6V11h-2.6" class="line" />`,
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${shapes[name]}</svg>`;
