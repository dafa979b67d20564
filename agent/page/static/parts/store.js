// A store: can it be changed here, and if not, why.
import { html } from '../web/view.js';
import { Badge, Progress } from '../web/parts.js';
import { percent } from '../web/format.js';
import { t } from '../web/text.js';
import { moment } from '../agent/when.js';
import { Left } from './left.js';
import { Problem } from './say.js';

const share = ({ records, total }) => (total ? Math.min(records / total, 1) : 0);

// conditionOf puts into words whether a store can be changed: kind, title, and
// what that means.
function conditionOf(store) {
  const at = store.since && moment(store.since);
  const to = store.to || t('store.elsewhere');
  if (store.writable) return { kind: 'ok', title: t('store.writable') };
  if (store.phase === 'draining') return { kind: 'warn', title: t('store.draining', { to }), next: t('store.draining.next', { to, at }) };
  if (store.phase === 'released') return { kind: 'off', title: t('store.released', { to }), next: t('store.released.next', { to, at }) };
  if (store.phase === 'loading') return { kind: 'busy', title: t('store.loading', { share: percent(share(store.loaded)) }), next: t('store.loading.next') };
  if (store.why === 'lease_expired') return { kind: 'bad', title: t('store.lease') };
  return { kind: 'bad', title: t('store.unsure') };
}

export function Store({ store, eta }) {
  const { kind, title, next } = conditionOf(store);
  return html`
    <li class="pad stack tight">
      <p class="row"><span class="strong grow">${store.name || store.code}</span>${store.name && store.name !== store.code && html`<span class="muted small mono">${store.code}</span>`}</p>
      <${Badge} kind=${kind}>${title}</>
      ${store.phase === 'loading' && html`
        <${Progress} value=${share(store.loaded)} label=${t('store.progress', { store: store.name || store.code })} />
        <p class="muted small">${t('store.arrived', { n: store.loaded.records, total: store.loaded.total })}${eta && html` · <${Left} eta=${eta} />`}</p>`}
      ${next && html`<p class="muted small">${next}</p>`}
      ${store.phase !== 'loading' && html`<p class="muted small">${t('store.records', { n: store.records })}${store.queued > 0 && ` · ${t('store.queued', { n: store.queued })}`}</p>`}
      ${store.problem && html`<${Problem} problem=${store.problem} />`}
    </li>`;
}
