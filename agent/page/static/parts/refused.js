// Changes that the hub did not take, in words.
import { html, useEffect, useState } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { t, told } from '../web/text.js';
import * as api from '../agent/api.js';
import { Failed } from './say.js';

const shown = 50;

const Change = ({ change }) => html`
  <li class="pad tight stack">
    <p><span class="strong">${t(`op.${change.op}`)}</span> <span class="mono">${change.table} / ${change.id}</span></p>
    <p class="muted small">${change.store} · ${told(`reason.${change.reason}`) ? t(`reason.${change.reason}`) : change.reason}</p>
  </li>`;

// Refused loads them anew whenever their number changes.
export function Refused({ n }) {
  const [items, setItems] = useState(null);
  const [failure, setFailure] = useState(null);
  useEffect(() => {
    let over = false;
    api.refused().then((list) => over || setItems(list), (why) => over || setFailure(why));
    return () => { over = true; };
  }, [n]);
  return html`
    <section class="card" aria-labelledby="refused">
      <div class="pad stack tight">
        <h2 id="refused" class="row warn state"><${Icon} name="warn" />${t('refused', { n })}</h2>
        <p>${t('refused.what', { n })}</p>
        <p class="strong">${t('refused.next', { n })}</p>
        ${items?.length > n && html`<p class="muted small">${t('refused.decided')}</p>`}
      </div>
      ${failure && html`<${Failed} failure=${failure} />`}
      ${items && html`<details><summary class="pad">${t('refused.show')}</summary>
        <ul class="rows">${items.slice(0, shown).map((change) => html`<${Change} key=${`${change.store}/${change.epoch}/${change.n}`} change=${change} />`)}</ul>
        ${items.length > shown && html`<p class="pad muted small">${t('refused.more', { n: items.length - shown })}</p>`}
      </details>`}
    </section>`;
}
