// One store.
import { html, useState } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { count, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useData, useHub, usePages } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { go, to } from '../hub/route.js';
import { Confirm } from '../parts/confirm.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';
import { Phase } from '../parts/state.js';
import { EditStore } from './editstore.js';
import { HandoverTable } from './handovers.js';
import { MoveStore } from './movestore.js';

export function Store({ id }) {
  const { call, edits, sites } = useHub();
  useSignal(sites);
  const [asked, setAsked] = useState('');
  const { data: store, error, reload } = useData(async () => (await call('store.get', { store: Number(id) })).store, { on: ['handover.'], every: 10, deps: [id] });
  const moves = usePages('handover.list', { store: Number(id), limit: 20 }, { on: ['handover.'], every: store?.handover ? 2 : 0 });
  const close = () => setAsked('');
  if (!store) return html`<div class="screen">${error ? html`<${Failure} error=${error} />` : html`<p class="muted" role="status">${t('loading')}</p>`}</div>`;
  const remove = async () => {
    await call('store.delete', { store: store.id, force: store.records > 0 }); // the person has ticked that
    setTimeout(() => go(to('stores')));
  };
  return html`
    <div class="screen stack">
      <div class="title"><a class="button quiet icononly" href=${to('stores')} aria-label=${t('screen.stores')}><${Icon} name="back" /></a>
        <h1 class="grow"><span class="mono">${store.code}</span> ${store.name}</h1><${Phase} phase=${store.phase} />
        ${edits && html`<button type="button" onClick=${() => setAsked('edit')}>${t('edit')}</button>
          <button type="button" class="primary" onClick=${() => setAsked('move')}>${t('move')}</button>`}</div>
      <${Failure} error=${error} />
      <section class="card pad stack"><dl class="facts">
        <dt>${t('stores.at')}</dt><dd><a href=${to('sites', String(store.site))}>${sites.name(store.site)}</a></dd>
        <dt>${t('stores.records')}</dt><dd>${count(store.records)}</dd><dt>${t('stores.size')}</dt><dd>${size(store.bytes)}</dd>
        <dt>${t('stores.tags')}</dt><dd>${store.tags.length ? store.tags.join(', ') : t('nothing')}</dd>
        <dt>${t('stores.epoch')}</dt><dd class="mono">${store.epoch}</dd>
        <dt>${t('stores.digest')}</dt><dd class="mono small">${store.digest}</dd></dl>
        <div class="row"><a href=${to('audit', '', { store: String(store.id) })}>${t('condition.audit')}</a><span class="grow"></span>
          ${edits && store.site === 1 && !store.handover && html`<button type="button" class="danger small" onClick=${() => setAsked('delete')}>${t('delete')}</button>`}</div></section>
      <section class="stack" aria-labelledby="moves"><h2 id="moves">${t('screen.handovers')}</h2>
        <${Failure} error=${moves.error} />
        ${moves.items && html`<${HandoverTable} items=${moves.items} onDone=${() => { moves.reload(); reload(); }} />`}<${More} more=${moves.more} /></section>
      ${asked === 'edit' && html`<${EditStore} store=${store} onClose=${close} onDone=${reload} />`}
      ${asked === 'move' && html`<${MoveStore} store=${store} onClose=${close} onDone=${() => { moves.reload(); reload(); }} />`}
      ${asked === 'delete' && html`<${Confirm} danger title=${t('stores.delete', { code: store.code })} action=${t('delete.do')} sure=${t('stores.delete.sure')} onDo=${remove} onClose=${close}>
        <p>${t('stores.delete.about', { n: store.records })}</p></>`}
    </div>`;
}
