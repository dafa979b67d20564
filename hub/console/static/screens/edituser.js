// Making or changing a user or a token.
import { html, useState } from '../web/view.js';
import { Check, Dialog, Input, Notice, Select } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Copy } from '../parts/copy.js';
import { Failure, sentence } from '../parts/failure.js';
import { useDoing } from '../parts/busy.js';

const day = 86400000;
const lengths = [7, 30, 90, 365, 0]; // days; 0 is for ever

export function EditUser({ kind, user, onClose, onDone, onSecret }) {
  const { call } = useHub();
  const [form, setForm] = useState({ name: user?.name ?? '', role: user?.role ?? 'viewer', data: user?.data ?? false, enabled: user?.enabled ?? true, password: '', days: '90' });
  const [run, busy, error] = useDoing();
  const set = (field) => (value) => setForm((old) => ({ ...old, [field]: value }));
  const wrong = (field) => (error?.field === field ? `${sentence(error.message)} ${sentence(error.next)}` : undefined);
  const save = (event) => {
    event.preventDefault();
    run(async () => {
      const answer = await call(...request(kind, user, form));
      const text = answer.token ?? answer.password;
      if (text) onSecret({ kind, name: form.name, text });
      onDone();
      onClose();
    });
  };
  return html`
    <${Dialog} title=${user ? t('users.edit.of', { name: user.name }) : t(`users.${kind}.new`)} onClose=${onClose} actions=${html`
      <button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="submit" form="edituser" class="primary" disabled=${busy || !form.name}>${t('ok')}</button>`}>
      <form id="edituser" class="stack" onSubmit=${save}>
        <${Input} label=${t('users.name')} value=${form.name} onValue=${set('name')} error=${wrong('name')} readonly=${Boolean(user)} maxlength="64" required autofocus autocomplete="off" />
        <${Select} label=${t('users.role')} value=${form.role} onValue=${set('role')} error=${wrong('role')} options=${['viewer', 'admin'].map((role) => [role, t(`role.${role}.long`)])} />
        <${Check} label=${t('users.data.long')} checked=${form.data} onValue=${set('data')} />
        ${user && html`<${Check} label=${t('users.enabled')} checked=${form.enabled} onValue=${set('enabled')} />`}
        ${kind === 'user' && html`<${Input} label=${t('signIn.password')} type="password" value=${form.password} onValue=${set('password')} error=${wrong('password')} autocomplete="new-password" hint=${t(user ? 'users.password.kept' : 'users.password.made')} />`}
        ${kind === 'token' && !user && html`<${Select} label=${t('users.expires')} value=${form.days} onValue=${set('days')} error=${wrong('expires')} options=${lengths.map((n) => [String(n), n ? t('users.days', { n }) : t('users.never')])} />`}
        ${error && !['name', 'role', 'password', 'expires'].includes(error.field) && html`<${Failure} error=${error} />`}
      </form>
    </>`;
}

// request is the command that does what the form says.
function request(kind, user, { name, role, data, enabled, password, days }) {
  if (user) return ['user.update', { name, role, data, enabled, password: password || undefined }];
  if (kind === 'user') return ['user.create', { name, role, data, password: password || undefined }];
  return ['token.create', { name, role, data, expires: days === '0' ? undefined : new Date(Date.now() + days * day).toISOString() }];
}

// Secret shows what the hub shows once.
export const Secret = ({ kind, name, text, onDismiss }) => html`
  <${Notice} kind="ok" title=${t(`users.${kind}.secret`, { name })} next=${t('users.secret.once')} onDismiss=${onDismiss}>
    <div class="row"><code class="join-text" tabindex="0">${text}</code><${Copy} text=${text} /></div></>`;
