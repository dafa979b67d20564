// A question before something that has consequences.
import { html, useState } from '../web/view.js';
import { Check, Dialog } from '../web/parts.js';
import { t } from '../web/text.js';
import { Failure } from './failure.js';
import { useDoing } from './busy.js';

// Confirm explains by its children what doing it means, and does it. With
// sure, a sentence, one has to tick it first.
export function Confirm({ title, action, danger, sure, onDo, onClose, children }) {
  const [ticked, setTicked] = useState(false);
  const [run, busy, error] = useDoing();
  const act = async () => (await run(onDo)) && onClose();
  return html`
    <${Dialog} title=${title} onClose=${onClose} actions=${html`
      <button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="button" class=${danger ? 'danger' : 'primary'} disabled=${busy || (sure && !ticked)} onClick=${act}>${action}</button>`}>
      ${children}
      ${sure && html`<${Check} label=${sure} checked=${ticked} onValue=${setTicked} />`}
      <${Failure} error=${error} />
    </>`;
}
