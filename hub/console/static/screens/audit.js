// Who edited what.
import { html, useState } from '../web/view.js';
import { Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { date, full } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub, usePages } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { replace, to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { More } from '../parts/more.js';

const day = 86400000;
const few = 4; // differing fields that are shown at once
const spans = { '': undefined, day, week: 7 * day, month: 30 * day };

export function Audit({ query }) {
  const { sites } = useHub();
  useSignal(sites);
  const [filter, setFilter] = useState({ user: '', since: '', ...query });
  const [start] = useState(Date.now);
  const span = spans[filter.since];
  const { items, more, error } = usePages('audit.list', {
    site: filter.site ? Number(filter.site) : undefined, store: filter.store ? Number(filter.store) : undefined,
    user: filter.user.trim() || undefined, since: span && new Date(start - span).toISOString(), limit: 50,
  }, { every: 15 });
  const set = (change) => {
    const next = { ...filter, ...change };
    setFilter(next);
    replace(to('audit', '', next));
  };
  return html`
    <div class="screen">
      <div class="title"><h1>${t('screen.audit')}</h1></div>
      <div class="row tools">
        <div class="find"><${Icon} name="search" /><input type="search" aria-label=${t('audit.user')} placeholder=${t('audit.user')} value=${filter.user} onInput=${(event) => set({ user: event.target.value })} /></div>
        <div class="row filters" role="group" aria-label=${t('audit.since')}>${Object.keys(spans).map((name) => html`
          <button type="button" key=${name} aria-pressed=${name === filter.since} onClick=${() => set({ since: name })}>${t(`audit.${name || 'ever'}`)}</button>`)}</div>
        ${filter.site && html`<button type="button" class="small" onClick=${() => set({ site: '' })}>${sites.name(Number(filter.site))} ×<span class="hidden">${t('audit.clear')}</span></button>`}
        ${filter.store && html`<button type="button" class="small" onClick=${() => set({ store: '' })}>${t('stores.store')} ${filter.store} ×<span class="hidden">${t('audit.clear')}</span></button>`}
      </div>
      <${Failure} error=${error} />
      ${items && items.length === 0 && html`<div class="card"><${Empty} icon="search" title=${t('audit.none')} /></div>`}
      ${items?.length > 0 && html`<div class="card scroll"><table>
        <thead><tr><th>${t('audit.at')}</th><th>${t('audit.by')}</th><th>${t('audit.command')}</th><th>${t('audit.about')}</th><th>${t('audit.change')}</th></tr></thead>
        <tbody>${items.map((a) => html`<tr key=${a.at + a.id}>
          <td class="nowrap"><time datetime=${a.at} title=${full(a.at)}>${date(a.at)}</time></td>
          <td>${a.by}<br /><span class="muted small">${a.from}</span></td>
          <td class="mono small">${a.command}</td>
          <td>${a.site && html`<a href=${to('sites', String(a.site))}>${sites.name(a.site)}</a>`}${a.site && a.store && ' · '}${a.store && html`<a href=${to('stores', String(a.store))}>${t('stores.store')} ${a.store}</a>`}</td>
          <td><${Change} before=${a.before} after=${a.after} /></td></tr>`)}</tbody></table><${More} more=${more} /></div>`}
    </div>`;
}

// Change shows the fields that differ.
function Change({ before, after }) {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const differing = names.filter((name) => JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]));
  if (differing.length === 0) return html`<span class="muted">${t('nothing')}</span>`;
  const line = (name) => html`<li key=${name}><span class="muted">${name}</span> ${before && html`<del>${word(before[name])}</del> → `}<ins>${after ? word(after[name]) : t('audit.gone')}</ins></li>`;
  const rest = differing.slice(few);
  return html`<ul>${differing.slice(0, few).map(line)}</ul>${rest.length > 0 && html`<details><summary class="muted">${t('audit.more', { n: rest.length })}</summary><ul>${rest.map(line)}</ul></details>`}`;
}

const word = (value) => (value === undefined || value === null || value === '' ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value));
