// Sign-in: a code that sitesync-agent open shows, or a token.
import { html, useLayoutEffect, useRef, useState } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { Input, Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { useAction } from '../agent/live.js';
import { Failed, Title } from '../parts/say.js';

export function SignIn({ failure, over, onEnter }) {
  const [byToken, setByToken] = useState(false);
  const [secret, setSecret] = useState('');
  const [enter, busy, refused] = useAction(async () => onEnter(await api.signIn({ [byToken ? 'token' : 'code']: secret })));
  const form = useRef();
  useLayoutEffect(() => form.current.querySelector('input').focus(), [byToken]);
  const submit = (event) => {
    event.preventDefault();
    if (secret.trim()) enter();
  };
  const other = () => {
    setByToken(!byToken);
    setSecret('');
  };
  const what = byToken ? 'token' : 'code';
  return html`
    <main class="page narrow">
      <div class="brand"><span class="mark"><${Icon} name="sync" /></span><${Title} calm>${t('signin')}</></div>
      ${over && html`<${Notice} kind="info" title=${t('signin.over')} next=${t('signin.over.next')} />`}
      ${(refused || failure) && html`<${Failed} failure=${refused || failure} />`}
      <form ref=${form} class="card pad stack" onSubmit=${submit}>
        <p>${t(`signin.${what}.how`)}</p>
        ${!byToken && html`<p><code class="command">sitesync-agent open</code></p>`}
        <${Input} label=${t(`signin.${what}`)} value=${secret} onValue=${setSecret} type=${byToken ? 'password' : 'text'} class=${byToken ? '' : 'code'}
          autocomplete="off" autocapitalize="characters" spellcheck=${false} maxlength=${byToken ? 200 : 12} />
        <button class="primary big" disabled=${busy || !secret.trim()}>${t('signin.enter')}</button>
        <button type="button" class="link" onClick=${other}>${t(`signin.${what}.other`)}</button>
      </form>
    </main>`;
}
