// Changes that the hub did not apply, until a person decides.
import { html, useState } from '../web/view.js';
import { Ago, Empty } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { replace, to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';
import { QuarantineState } from '../parts/state.js';
import { Item } from './item.js';

export const Quarantine = ({ part, query }) => (part ? html`<${Item} id=${part} query=${query} />` : html`<${All} query=${query} />`);

const states = ['open', 'stale', 'proposed', 'applied', 'discarded', ''];

function All({ query }) {
  const { sites } = useHub();
  useSignal(sites);
  const [state, setState] = useState(query.state ?? 'open');
  const site = query.site ? Number(query.site) : undefined;
  const { items, more, error } = usePages('quarantine.list', { state: state || undefined, site }, { on: ['quarantine.'], every: 15 });
  const choose = (next) => {
    setState(next);
    replace(to('quarantine', '', { state: next, site: query.site }));
  };
  return html`
    <div class="screen">
      <div class="title"><h1>${t('screen.quarantine')}</h1>${site && html`<span class="muted">${t('quarantine.from', { site: sites.name(site) })}</span>`}</div>
      <p class="muted about">${t('quarantine.about')}</p>
      <div class="row tools filters" role="group" aria-label=${t('sites.filter')}>
        ${states.map((s) => html`<button type="button" key=${s} aria-pressed=${s === state} onClick=${() => choose(s)}>${s ? t(`quarantine.${s}`) : t('all')}</button>`)}</div>
      <${Failure} error=${error} />
      ${items && items.length === 0 && html`<div class="card"><${Empty} icon="ok" title=${t(state === 'open' ? 'quarantine.empty' : 'quarantine.none')} /></div>`}
      ${items?.length > 0 && html`<div class="card scroll"><table>
        <thead><tr><th class="number">${t('quarantine.id')}</th><th>${t('quarantine.record')}</th><th>${t('quarantine.op')}</th><th>${t('quarantine.reason')}</th><th>${t('quarantine.site')}</th><th>${t('quarantine.received')}</th><th>${t('sites.state')}</th></tr></thead>
        <tbody>${items.map((q) => html`<tr key=${q.id}>
          <td class="number muted">${q.id}</td>
          <td><a class="strong plain" href=${to('quarantine', String(q.id), { state, site: query.site })}><span class="mono">${q.code} / ${q.table} / ${q.record}</span></a></td>
          <td>${t(`op.${q.op}`)}</td><td>${t(`reason.${q.reason}`)}</td><td>${sites.name(q.site)}</td>
          <td class="nowrap"><${Ago} at=${q.received} /></td><td><${QuarantineState} state=${q.state} /></td></tr>`)}</tbody></table><${More} more=${more} /></div>`}
    </div>`;
}
