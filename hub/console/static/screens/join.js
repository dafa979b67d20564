// How a device joins as this site: a QR code, or a text.
import { html, useEffect, useState } from '../web/view.js';
import { Dialog } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Copy } from '../parts/copy.js';
import { Failure } from '../parts/failure.js';

export function Join({ site, onClose }) {
  const { call } = useHub();
  const [answer, setAnswer] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    call('site.join', { site: site.id }).then(setAnswer, setError);
  }, [site.id]);
  return html`
    <${Dialog} wide title=${t('join.title', { name: site.name })} onClose=${onClose} actions=${html`<button type="button" class="primary" onClick=${onClose}>${t('close')}</button>`}>
      <${Failure} error=${error} />
      ${answer && html`
        <div class="join">
          <img src=${`data:image/svg+xml,${encodeURIComponent(answer.qr)}`} alt=${t('join.qr')} width="240" height="240" />
          <ol class="steps">
            <li>${t('join.page')}</li>
            <li>${t('join.text')}<div class="row"><code class="join-text grow" tabindex="0">${answer.join}</code><${Copy} text=${answer.join} /></div></li>
            <li>${t('join.password')}</li>
          </ol>
        </div>
        <p class="muted">${t('join.command')} <code>sitesync-agent join '${answer.join.slice(0, 18)}…'</code></p>`}
    </>`;
}
