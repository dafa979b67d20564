// The product's mark.
import { html } from '../web/view.js';

export const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect width="32" height="32" rx="8" />
    <path d="M24.6 13.2A9.2 9.2 0 0 0 8.2 10.6M7.4 18.8a9.2 9.2 0 0 0 16.4 2.6M7.6 5.8v5h5M24.4 26.2v-5h-5" />
  </svg>`;
