// Moving a store to another site.
import { html, useState } from '../web/view.js';
import { Dialog, Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Failure } from '../parts/failure.js';
import { useDoing } from '../parts/busy.js';
import { SiteState } from '../parts/state.js';
import { meaning } from './addstore.js';
import { chosen } from './sitelist.js';

const offered = 30;

export function MoveStore({ store, onClose, onDone }) {
  const { call, sites } = useHub();
  const [q, setQ] = useState('');
  const [target, setTarget] = useState(null);
  const [run, busy, error] = useDoing();
  const all = chosen(sites, { q, state: '', sort: 'id' }, {}).filter(({ id }) => id !== store.site || store.handover);
  const move = () => run(async () => {
    await call('store.move', { store: store.id, to: target.id });
    onDone();
    onClose();
  });
  return html`
    <${Dialog} wide title=${t('move.title', { code: store.code })} onClose=${onClose} actions=${html`
      <button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="button" class="primary" disabled=${busy || !target} onClick=${move}>${t('move')}</button>`}>
      <${Notice} title=${meaning(store, sites)} next=${t('move.about')} />
      <input type="search" value=${q} onInput=${(event) => setQ(event.target.value)} placeholder=${t('sites.search')} aria-label=${t('sites.search')} autofocus />
      <ul class="choices" role="radiogroup" aria-label=${t('move.to')}>
        ${all.slice(0, offered).map((site) => html`
          <li key=${site.id}><label class="choice"><input type="radio" name="target" checked=${target?.id === site.id} onChange=${() => setTarget(site)} aria-label=${site.name} />
            <span class="grow"><span class="strong">${site.name}</span> <span class="muted mono">${site.code}</span></span><${SiteState} site=${site} /></label></li>`)}
      </ul>
      ${all.length > offered && html`<p class="muted">${t('move.more', { n: all.length - offered })}</p>`}
      <${Failure} error=${error} />
    </>`;
}
