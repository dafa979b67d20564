// Check connection, step by step.
import { html, useEffect, useState } from '../web/view.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { useAction } from '../agent/live.js';
import { Failed } from './say.js';
import { Checking, Steps } from './steps.js';

export function Connection({ site, status, edits, onChecked }) {
  const [steps, setSteps] = useState(null);
  const [check, busy, failure, clear] = useAction(async () => {
    setSteps(null);
    setSteps(await api.check());
    onChecked();
  });
  useEffect(() => {
    if (edits && site.enabled) check(); // the details have changed: do they work?
  }, [edits]);
  return html`
    <section class="card pad stack" aria-labelledby="connection">
      <div class="row"><h2 id="connection" class="grow">${t('connection')}</h2><span class="muted">${t(`link.${status.link}`)}</span></div>
      <p class="muted">${t('connection.how')}</p>
      ${steps && html`<div role="status">${steps.every((step) => step.ok) && html`<p class="strong">${t('connection.good')}</p>`}<${Steps} steps=${steps} hub=${site.hub} /></div>`}
      ${busy && html`<${Checking} />`}
      ${failure && html`<${Failed} failure=${failure} onDismiss=${clear} />`}
      <div><button type="button" disabled=${busy} onClick=${check}>${t(steps ? 'check.again' : 'check')}</button></div>
    </section>`;
}
