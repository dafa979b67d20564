// Choosing stores for a site: where each is now, and what moving it means.
import { html, useState } from '../web/view.js';
import { Dialog, Empty } from '../web/parts.js';
import { count } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';

export function AddStore({ site, chosen, onClose, onChoose }) {
  const [q, setQ] = useState('');
  const [picked, setPicked] = useState(chosen);
  const { items, more, error } = usePages('store.list', { q: q.trim() || undefined, limit: 50 }, { on: ['handover.'] });
  const { sites } = useHub();
  const offered = (items ?? []).filter((store) => store.site !== site?.id || store.handover);
  const has = (store) => picked.some(({ id }) => id === store.id);
  const toggle = (store) => setPicked(has(store) ? picked.filter(({ id }) => id !== store.id) : [...picked, store]);
  return html`
    <${Dialog} wide title=${t('stores.add')} onClose=${onClose} actions=${html`
      <span class="grow muted">${t('addStore.draft')}</span>
      <button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="button" class="primary" disabled=${picked.length + chosen.length === 0} onClick=${() => onChoose(picked)}>${t('addStore.choose', { n: picked.length })}</button>`}>
      <input type="search" value=${q} onInput=${(event) => setQ(event.target.value)} placeholder=${t('stores.search')} aria-label=${t('stores.search')} autofocus />
      <${Failure} error=${error} />
      ${items && offered.length === 0 && html`<${Empty} icon="search" title=${t('addStore.none')}>${t('addStore.none.next')}</>`}
      <ul class="choices">
        ${offered.map((store) => html`
          <li key=${store.id}><label class="choice"><input type="checkbox" checked=${has(store)} onChange=${() => toggle(store)} aria-label=${`${store.code} ${store.name}`} />
            <span class="grow"><span class="strong mono">${store.code}</span> ${store.name}<br /><span class="muted small">${meaning(store, sites)}</span></span>
            <span class="number muted small">${t('records', { n: store.records })}</span></label></li>`)}
      </ul>
      <${More} more=${more} />
    </>`;
}

// meaning says where a store is and what moving it means.
export function meaning(store, sites) {
  const owner = sites.get(store.site);
  const site = sites.name(store.site);
  if (store.phase === 'loading') return t('meaning.loading', { site });
  if (store.handover) return t('meaning.moving', { site, to: sites.name(store.handover.to) });
  if (store.site === 1) return t('meaning.central');
  if (owner?.state === 'online') return t('meaning.online', { site });
  return t(owner?.backlog ? 'meaning.offline.unsent' : 'meaning.offline', { site, n: count(owner?.backlog ?? 0) });
}
