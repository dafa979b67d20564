// A button that copies a text. Where the browser does not let the page (plain
// HTTP from another machine), there is none.
import { html, useState } from '../web/view.js';
import { t } from '../web/text.js';

export function Copy({ text }) {
  const [done, setDone] = useState(false);
  if (!navigator.clipboard) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<button type="button" class="small" onClick=${copy}>${t(done ? 'copied' : 'copy')}</button>`;
}
