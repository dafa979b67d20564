// Who are you?
import { html, useState } from '../web/view.js';
import { Check, Input, Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useDoing } from '../parts/busy.js';
import { Failure } from '../parts/failure.js';
import { Mark } from '../parts/mark.js';
import { signIn } from '../hub/session.js';

export function SignIn({ error, onEnter }) {
  const [form, setForm] = useState({ kind: 'user', name: '', password: '', keep: false });
  const [run, busy, failed] = useDoing();
  const set = (field) => (value) => setForm((old) => ({ ...old, [field]: value }));
  const submit = (event) => {
    event.preventDefault();
    const { kind, name, password, keep } = form;
    run(async () => onEnter(await signIn({ kind, name: name.trim(), password }, keep)));
  };
  const byToken = form.kind === 'token';
  return html`
    <main class="signin">
      <form class="card pad stack" onSubmit=${submit}>
        <div class="row"><${Mark} /><h1>${t('product')}</h1></div>
        <p class="muted">${t('signIn.about', { host: location.host })}</p>
        ${location.protocol === 'http:' && !local() && html`<${Notice} kind="warn" title=${t('signIn.plain')} />`}
        <${Input} label=${t(byToken ? 'signIn.tokenName' : 'signIn.name')} value=${form.name} onValue=${set('name')} autocomplete="username" autocapitalize="none" spellcheck=${false} required autofocus />
        <${Input} label=${t(byToken ? 'signIn.token' : 'signIn.password')} type="password" value=${form.password} onValue=${set('password')} autocomplete="current-password" required />
        <${Check} label=${t('signIn.keep')} hint=${t(byToken ? 'signIn.keep.token' : 'signIn.keep.about')} checked=${form.keep} onValue=${set('keep')} />
        <${Failure} error=${failed ?? error} />
        <button type="submit" class="primary" disabled=${busy || !form.name || !form.password}>${t(busy ? 'signIn.busy' : 'signIn')}</button>
        <button type="button" class="link" onClick=${() => set('kind')(byToken ? 'user' : 'token')}>${t(byToken ? 'signIn.byPassword' : 'signIn.byToken')}</button>
      </form>
    </main>`;
}

const local = () => ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
