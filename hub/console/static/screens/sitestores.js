// The stores of a site: those it has, and in the draft those it will have.
import { html, useState } from '../web/view.js';
import { Badge, Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { t } from '../web/text.js';
import { to } from '../hub/route.js';
import { Phase } from '../parts/state.js';
import { AddStore } from './addstore.js';

export function SiteStores({ site, draft, set, readonly }) {
  const [adding, setAdding] = useState(false);
  const stores = site?.stores ?? [];
  const toggle = (id) => set({ remove: draft.remove.includes(id) ? draft.remove.filter((other) => other !== id) : [...draft.remove, id] });
  const drop = (id) => set({ add: draft.add.filter((store) => store.id !== id) });
  return html`
    <section class="card stack" aria-labelledby="stores">
      <div class="row pad cardhead"><h2 id="stores" class="grow">${t('screen.stores')}</h2>
        ${!readonly && html`<button type="button" onClick=${() => setAdding(true)}><${Icon} name="add" />${t('stores.add')}</button>`}</div>
      ${stores.length + draft.add.length === 0
        ? html`<${Empty} title=${t('stores.none')}>${!readonly && t('stores.none.next')}</>`
        : html`<div class="scroll"><table><thead><tr><th>${t('stores.code')}</th><th>${t('stores.name')}</th><th>${t('stores.phase')}</th><th><span class="hidden">${t('actions')}</span></th></tr></thead><tbody>
          ${stores.map((store) => {
            const leaving = draft.remove.includes(store.id);
            return html`<tr key=${store.id} class=${leaving ? 'leaving' : ''}>
              <td class="mono"><a href=${to('stores', String(store.id))}>${store.code}</a></td><td>${store.name}</td>
              <td>${leaving ? html`<${Badge} kind="warn">${t('stores.leaving')}</>` : html`<${Phase} phase=${store.phase} />`}</td>
              <td class="right">${!readonly && !site.activeHere && html`<button type="button" class="quiet small" onClick=${() => toggle(store.id)} aria-label=${t(leaving ? 'stores.keep.of' : 'stores.remove.of', { code: store.code })}>${t(leaving ? 'stores.keep' : 'stores.remove')}</button>`}</td></tr>`;
          })}
          ${draft.add.map((store) => html`<tr key=${store.id} class="coming"><td class="mono">${store.code}</td><td>${store.name}</td>
            <td><${Badge} kind="info">${t('stores.coming')}</></td>
            <td class="right"><button type="button" class="quiet small" onClick=${() => drop(store.id)} aria-label=${t('stores.drop.of', { code: store.code })}>${t('stores.drop')}</button></td></tr>`)}
        </tbody></table></div>`}
      ${adding && html`<${AddStore} site=${site} chosen=${draft.add} onClose=${() => setAdding(false)} onChoose=${(add) => { set({ add }); setAdding(false); }} />`}
    </section>`;
}
