// Moves of stores: under way, and those that were.
import { html, useState } from '../web/view.js';
import { Ago, Empty, Progress } from '../web/parts.js';
import { ago, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { replace, to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';
import { HandoverState } from '../parts/state.js';
import { CancelHandover, ForceHandover } from './endhandover.js';

const states = ['', 'draining', 'loading', 'done', 'forced', 'cancelled'];
export const underWay = ({ ended }) => !ended;

export function Handovers({ query }) {
  const [state, setState] = useState(query.state ?? '');
  const { items, more, error, reload } = usePages('handover.list', { state: state || undefined }, { on: ['handover.'], every: 3 });
  const choose = (next) => {
    setState(next);
    replace(to('handovers', '', { state: next }));
  };
  return html`
    <div class="screen">
      <div class="title"><h1>${t('screen.handovers')}</h1></div>
      <div class="row tools filters" role="group" aria-label=${t('sites.filter')}>
        ${states.map((s) => html`<button type="button" key=${s} aria-pressed=${s === state} onClick=${() => choose(s)}>${s ? t(`handover.${s}`) : t('all')}</button>`)}</div>
      <${Failure} error=${error} />
      ${items && html`<${HandoverTable} items=${items} onDone=${reload} />`}<${More} more=${more} />
    </div>`;
}

export function HandoverTable({ items, onDone }) {
  const { edits, sites } = useHub();
  useSignal(sites);
  const [ending, setEnding] = useState(null); // {how, handover}
  const close = () => setEnding(null);
  if (items.length === 0) return html`<div class="card"><${Empty} title=${t('handovers.none')}>${t('handovers.none.next')}</></div>`;
  return html`
    <div class="card scroll"><table>
      <thead><tr><th>${t('stores.store')}</th><th>${t('handovers.way')}</th><th>${t('sites.state')}</th><th>${t('handovers.progress')}</th><th>${t('handovers.started')}</th><th>${t('handovers.by')}</th><th><span class="hidden">${t('actions')}</span></th></tr></thead>
      <tbody>${items.map((h) => html`<tr key=${h.id}>
        <td class="mono"><a class="strong plain" href=${to('stores', String(h.store))}>${h.code || `#${h.store}`}</a></td>
        <td class="way">${sites.name(h.from)} → ${sites.name(h.to)}</td>
        <td><${HandoverState} state=${h.state} />${h.forced && underWay(h) && html`<br /><span class="small muted">${t('handovers.forced')}</span>`}</td>
        <td class="wideprogress"><${Way} handover=${h} sites=${sites} /></td>
        <td class="nowrap"><${Ago} at=${h.started} />${h.ended && html`<br /><span class="small muted">${t('handovers.ended')} <${Ago} at=${h.ended} /></span>`}</td>
        <td>${h.by}</td>
        <td class="right nowrap">${edits && h.state === 'draining' && html`
          <button type="button" class="small" onClick=${() => setEnding({ how: 'cancel', handover: h })}>${t('cancelMove')}</button> <button type="button" class="small danger" onClick=${() => setEnding({ how: 'force', handover: h })}>${t('force')}</button>`}</td></tr>`)}</tbody>
    </table></div>
    ${ending?.how === 'cancel' && html`<${CancelHandover} handover=${ending.handover} onClose=${close} onDone=${onDone} />`}
    ${ending?.how === 'force' && html`<${ForceHandover} handover=${ending.handover} onClose=${close} onDone=${onDone} />`}`;
}

// Way says how far a move has come.
function Way({ handover: h, sites }) {
  if (h.state === 'draining') {
    const from = sites.get(h.from);
    const away = from && from.state !== 'online';
    return html`<${Progress} label=${t('handovers.progress')} value=${0} /><span class="small muted">${t(away ? 'handovers.away' : 'handovers.drain', { site: sites.name(h.from) })}
      ${h.waiting > 0 && ` ${t('handovers.waiting', { n: h.waiting })}`}</span>`;
  }
  if (h.state === 'loading') {
    if (sites.get(h.to)?.state !== 'online') return html`<span class="small muted">${t('handovers.awayTo', { site: sites.name(h.to) })}</span>`;
    const share = h.total.bytes > 0 ? Math.min(1, h.sent.bytes / h.total.bytes) : 1;
    const eta = h.eta && html`, ${t('handovers.eta')} ${ago(h.eta)}`;
    return html`<${Progress} label=${t('handovers.progress')} value=${share} /><span class="small muted">${t('handovers.sent', { sent: size(h.sent.bytes), total: size(h.total.bytes) })}${h.rate > 0 && `, ${t('perSecond', { size: size(h.rate) })}`}${eta}</span>`;
  }
  if (h.state === 'cancelled') return null;
  return html`<span class="small muted">${t('records', { n: h.total.records })}, ${size(h.total.bytes)}</span>`;
}
