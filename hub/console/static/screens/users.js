// Who may sign in: people, and tokens of programs.
import { html, useState } from '../web/view.js';
import { Ago, Badge, Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { date } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { Confirm } from '../parts/confirm.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';
import { EditUser, Secret } from './edituser.js';

export function Users() {
  const { edits } = useHub();
  const [asked, setAsked] = useState(null); // {what, kind, user}
  const [secret, setSecret] = useState(null); // {name, text}: shown once
  const people = usePages('user.list', { limit: 200 });
  const tokens = usePages('token.list', { limit: 200 });
  const reload = () => {
    people.reload();
    tokens.reload();
  };
  const close = () => setAsked(null);
  const section = (kind, list) => html`
    <section class="card stack" aria-labelledby=${`list-${kind}`}>
      <div class="row pad cardhead"><h2 id=${`list-${kind}`} class="grow">${t(`users.${kind}`)}</h2>
        ${edits && html`<button type="button" onClick=${() => setAsked({ what: 'edit', kind })}><${Icon} name="add" />${t(`users.${kind}.new`)}</button>`}</div>
      <${Failure} error=${list.error} />
      ${list.items && html`<${People} kind=${kind} items=${list.items} onAsk=${setAsked} />`}<${More} more=${list.more} />
    </section>`;
  return html`
    <div class="screen stack">
      <div class="title"><h1>${t('screen.users')}</h1></div>
      ${secret && html`<${Secret} ...${secret} onDismiss=${() => setSecret(null)} />`}
      ${section('user', people)}${section('token', tokens)}
      ${asked?.what === 'edit' && html`<${EditUser} kind=${asked.kind} user=${asked.user} onClose=${close} onDone=${reload} onSecret=${setSecret} />`}
      ${asked?.what === 'remove' && html`<${Remove} kind=${asked.kind} user=${asked.user} onClose=${close} onDone=${reload} />`}
    </div>`;
}

function People({ kind, items, onAsk }) {
  const { edits, user: me } = useHub();
  if (items.length === 0) return html`<${Empty} title=${t('users.none')} />`;
  return html`<div class="scroll"><table>
    <thead><tr><th>${t('users.name')}</th><th>${t('users.role')}</th><th>${t('users.data')}</th>${kind === 'token' && html`<th>${t('users.expires')}</th>`}<th>${t('users.lastUsed')}</th><th><span class="hidden">${t('actions')}</span></th></tr></thead>
    <tbody>${items.map((user) => html`<tr key=${user.name}>
      <td class="strong">${user.name}${user.name === me.name && html` <span class="chip">${t('users.you')}</span>`}${!user.enabled && html` <${Badge} kind="warn">${t('state.disabled')}</>`}</td>
      <td>${t(`role.${user.role}`)}</td><td>${t(user.data ? 'yes' : 'no')}</td>
      ${kind === 'token' && html`<td>${user.expires ? html`${new Date(user.expires) < Date.now() ? html`<${Badge} kind="warn">${t('users.expired')}</> ` : ''}${date(user.expires)}` : t('users.never')}</td>`}
      <td>${user.lastUsed ? html`<${Ago} at=${user.lastUsed} />` : t('neverSeen')}</td>
      <td class="right nowrap">${edits && html`
        <button type="button" class="quiet small" onClick=${() => onAsk({ what: 'edit', kind, user })} aria-label=${t('users.edit.of', { name: user.name })}>${t('edit')}</button>
        ${user.name !== me.name && html`<button type="button" class="quiet small" onClick=${() => onAsk({ what: 'remove', kind, user })} aria-label=${t(`users.${kind}.remove.of`, { name: user.name })}>${t(`users.${kind}.remove`)}</button>`}`}</td></tr>`)}</tbody></table></div>`;
}

function Remove({ kind, user, onClose, onDone }) {
  const { call } = useHub();
  const remove = async () => {
    await call(kind === 'token' ? 'token.revoke' : 'user.delete', { name: user.name });
    onDone();
  };
  return html`
    <${Confirm} danger title=${t(`users.${kind}.remove.of`, { name: user.name })} action=${t(`users.${kind}.remove`)} onDo=${remove} onClose=${onClose}>
      <p>${t('users.remove.about')}</p>
    </>`;
}
