// Syncing on or off, with what that means.
import { html, useState } from '../web/view.js';
import { Badge, Dialog } from '../web/parts.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { useAction } from '../agent/live.js';
import { Failed } from './say.js';

export function Switch({ site, admin, backlog, onChanged }) {
  const [asking, setAsking] = useState(false);
  const [set, busy, failure, clear] = useAction(async (on) => {
    setAsking(false);
    await api.setEnabled(on);
    onChanged();
  });
  return html`
    <section class="card pad stack" aria-labelledby="switch">
      <div class="row"><h2 id="switch" class="grow">${t('switch')}</h2><${Badge} kind=${site.enabled ? 'ok' : 'off'}>${t(site.enabled ? 'switch.on' : 'switch.off')}</></div>
      <p class="muted">${t(site.enabled ? 'switch.on.what' : 'switch.off.what')}</p>
      ${failure && html`<${Failed} failure=${failure} onDismiss=${clear} />`}
      ${admin && html`<div>${site.enabled
        ? html`<button type="button" disabled=${busy} onClick=${() => setAsking(true)}>${t('disable')}</button>`
        : html`<button type="button" class="primary" disabled=${busy} onClick=${() => set(true)}>${t('enable')}</button>`}</div>`}
      ${asking && html`
        <${Dialog} title=${t('disable.ask')} onClose=${() => setAsking(false)} actions=${html`
          <button type="button" onClick=${() => setAsking(false)}>${t('cancel')}</button>
          <button type="button" class="danger" onClick=${() => set(false)}>${t('disable')}</button>`}>
          <p>${t('switch.off.what')}</p>
          ${backlog > 0 && html`<p>${t('disable.backlog', { n: backlog })}</p>`}
        </>`}
    </section>`;
}
