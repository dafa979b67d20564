// This browser: whether it stays signed in.
import { html } from '../web/view.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { useAction } from '../agent/live.js';
import { Failed } from './say.js';

export function Browser({ admin, onLeave }) {
  const [stay, busy, failure, clear] = useAction(api.staySignedIn);
  const stays = api.staysSignedIn();
  return html`
    <section class="card pad stack" aria-labelledby="browser">
      <h2 id="browser">${t('browser')}</h2>
      <p class="muted" role="status">${t(stays ? 'browser.stays' : 'browser.ends')}</p>
      ${failure && html`<${Failed} failure=${failure} onDismiss=${clear} />`}
      <div class="row">
        ${admin && !stays && html`<button type="button" disabled=${busy} onClick=${stay}>${t('browser.stay')}</button>`}
        <button type="button" onClick=${onLeave}>${t('signout')}</button>
      </div>
    </section>`;
}
