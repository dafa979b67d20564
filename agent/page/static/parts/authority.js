import { html, useState } from '../web/view.js';
import { TextArea } from '../web/parts.js';
import { t } from '../web/text.js';

// Authority takes the hub's ca.pem: as a file, or pasted.
export function Authority({ value, onValue, error, title = t('ca.add') }) {
  const [open, setOpen] = useState(Boolean(value));
  const read = async (event) => {
    const [file] = event.target.files;
    if (file) onValue((await file.text()).slice(0, 100000));
  };
  if (!open && !error) return html`<button type="button" class="link" onClick=${() => setOpen(true)}>${title}</button>`;
  return html`
    <div class="stack">
      <${TextArea} label=${t('ca')} hint=${t('ca.hint')} error=${error} value=${value} onValue=${onValue} rows="4" class="mono small" spellcheck=${false} />
      <label class="button">${t('ca.file')}<input type="file" class="hidden" accept=".pem,.crt,.cer" onChange=${read} /></label>
    </div>`;
}
