import { html, useState } from '../web/view.js';
import { Field } from '../web/parts.js';
import { t } from '../web/text.js';

// Password is a field for one that a person may look at while typing: most
// wrong passwords are mistyped.
export function Password({ label, hint, error, value, onValue, required }) {
  const [shown, setShown] = useState(false);
  return html`
    <${Field} label=${label} hint=${hint} error=${error}>${(attributes) => html`
      <div class="beside">
        <input ...${attributes} type=${shown ? 'text' : 'password'} value=${value} required=${required} maxlength="1024" autocomplete="off" spellcheck=${false}
          autocapitalize="none" onInput=${(event) => onValue(event.target.value)} />
        <button type="button" aria-pressed=${shown ? 'true' : 'false'} onClick=${() => setShown(!shown)}>${t('password.show')}</button>
      </div>`}</>`;
}
