// The site's details, and editing them.
import { html, useState } from '../web/view.js';
import { Dialog, Input } from '../web/parts.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { urlOf } from '../agent/join.js';
import { useAction } from '../agent/live.js';
import { Authority } from './authority.js';
import { Password } from './password.js';
import { Failed } from './say.js';

export function Details({ site, admin, onChanged }) {
  const [editing, setEditing] = useState(false);
  const saved = () => {
    setEditing(false);
    onChanged();
  };
  return html`
    <section class="card pad stack" aria-labelledby="details">
      <h2 id="details">${t('details')}</h2>
      ${editing
        ? html`<${Editor} site=${site} onSaved=${saved} onCancel=${() => setEditing(false)} />`
        : html`
          <dl class="facts">
            <dt>${t('site.name')}</dt><dd class="strong">${site.site.name}</dd>
            ${site.site.code && site.site.code !== site.site.name && html`<dt>${t('site.code')}</dt><dd>${site.site.code}</dd>`}
            <dt>${t('site.id')}</dt><dd>${site.site.id || t('site.id.none')}</dd>
            <dt>${t('hub')}</dt><dd class="mono">${site.hub}</dd>
            <dt>${t('trust')}</dt><dd>${t(`trust.${site.trust}`)}</dd>
            <dt>${t('site.password')}</dt><dd class="muted">${t('password.kept')}</dd>
          </dl>
          ${admin ? html`<div><button type="button" onClick=${() => setEditing(true)}>${t('edit')}</button></div>` : html`<p class="muted small">${t('edit.admin')}</p>`}`}
    </section>`;
}

// editOf is what a person changed: what is left as it was is not sent.
function editOf(site, draft) {
  const edit = {};
  if (urlOf(draft.hub) !== site.hub) edit.hub = urlOf(draft.hub);
  if (draft.name.trim() !== site.site.name) edit.name = draft.name.trim();
  if (draft.ca.trim()) edit.ca = draft.ca;
  if (draft.password) edit.password = draft.password;
  return edit;
}

function Editor({ site, onSaved, onCancel }) {
  const [draft, setDraft] = useState({ hub: site.hub, name: site.site.name, ca: '', password: '' });
  const set = (field) => (value) => setDraft({ ...draft, [field]: value });
  const edit = editOf(site, draft);
  const [save, busy, failure, clear] = useAction(async (abandon) => {
    await api.setSite(edit, abandon);
    onSaved();
  });
  const submit = (event) => {
    event.preventDefault();
    save(false);
  };
  const wrong = (field) => (failure?.field === field ? `${failure.message}; ${failure.next}` : undefined);
  const known = ['hub', 'name', 'ca', 'password'].includes(failure?.field);
  return html`
    <form class="stack" onSubmit=${submit}>
      <${Input} label=${t('hub')} error=${wrong('hub')} value=${draft.hub} onValue=${set('hub')} required maxlength="1024" spellcheck=${false} autocapitalize="none" class="mono" />
      <${Authority} value=${draft.ca} onValue=${set('ca')} error=${wrong('ca')} title=${t('ca.change')} />
      <${Input} label=${t('site.name')} hint=${t('site.name.edit')} error=${wrong('name')} value=${draft.name} onValue=${set('name')} required maxlength="100" autocomplete="off" />
      <${Password} label=${t('password.new')} hint=${t('password.new.hint')} error=${wrong('password')} value=${draft.password} onValue=${set('password')} />
      ${failure && !known && failure.code !== 'unsent' && html`<${Failed} failure=${failure} />`}
      <div class="row"><button class="primary" disabled=${busy || !Object.keys(edit).length}>${t('save')}</button><button type="button" onClick=${onCancel}>${t('cancel')}</button></div>
      ${failure?.code === 'unsent' && html`<${Unsent} failure=${failure} onAbandon=${() => save(true)} onClose=${clear} />`}
    </form>`;
}

// Unsent asks before changes are left behind.
const Unsent = ({ failure, onAbandon, onClose }) => html`
  <${Dialog} title=${t('error.unsent')} onClose=${onClose} actions=${html`
    <button type="button" class="primary" onClick=${onClose}>${t('unsent.wait')}</button>
    <button type="button" class="danger" onClick=${onAbandon}>${t('unsent.abandon')}</button>`}>
    <p lang="en">${failure.message}.</p>
    <p>${t('unsent.what')}</p>
  </>`;
