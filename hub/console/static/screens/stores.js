// The stores: where each is active, and moving them.
import { html, useState } from '../web/view.js';
import { Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { count, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { replace, to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';
import { Phase } from '../parts/state.js';
import { Store } from './store.js';
import { EditStore } from './editstore.js';

export const Stores = ({ part, query }) => (part ? html`<${Store} id=${part} />` : html`<${All} query=${query} />`);

function All({ query }) {
  const { edits, sites } = useHub();
  useSignal(sites);
  const [q, setQ] = useState(query.q ?? '');
  const [creating, setCreating] = useState(false);
  const { items, more, error, reload } = usePages('store.list', { q: q.trim() || undefined }, { on: ['handover.'] });
  const search = (text) => {
    setQ(text);
    replace(to('stores', '', { q: text }));
  };
  return html`
    <div class="screen">
      <div class="title"><h1 class="grow">${t('screen.stores')}</h1>
        ${edits && html`<button type="button" class="primary" onClick=${() => setCreating(true)}><${Icon} name="add" />${t('stores.new')}</button>`}</div>
      <div class="row tools" role="search"><div class="find"><${Icon} name="search" /><input type="search" aria-label=${t('stores.search')} placeholder=${t('stores.search')} value=${q} onInput=${(event) => search(event.target.value)} /></div></div>
      <${Failure} error=${error} />
      ${items && items.length === 0 && html`<div class="card"><${Empty} title=${t(q ? 'addStore.none' : 'stores.empty')}>${t(q ? 'addStore.none.next' : 'stores.empty.next')}</></div>`}
      ${items?.length > 0 && html`<div class="card scroll"><table>
        <thead><tr><th>${t('stores.code')}</th><th>${t('stores.name')}</th><th>${t('stores.at')}</th><th>${t('stores.phase')}</th><th class="number">${t('stores.records')}</th><th class="number">${t('stores.size')}</th><th>${t('stores.tags')}</th></tr></thead>
        <tbody>${items.map((store) => html`<tr key=${store.id}>
          <td class="mono"><a class="strong plain" href=${to('stores', String(store.id))}>${store.code}</a></td>
          <td>${store.name}</td>
          <td><a class="plain" href=${to('sites', String(store.site))}>${sites.name(store.site)}</a>${store.handover && html` <span class="muted">→ ${sites.name(store.handover.to)}</span>`}</td>
          <td><${Phase} phase=${store.phase} /></td>
          <td class="number">${count(store.records)}</td><td class="number">${size(store.bytes)}</td>
          <td>${store.tags.map((tag) => html`<span class="chip" key=${tag}>${tag}</span> `)}</td></tr>`)}</tbody></table><${More} more=${more} /></div>`}
      ${creating && html`<${EditStore} onClose=${() => setCreating(false)} onDone=${reload} />`}
    </div>`;
}
