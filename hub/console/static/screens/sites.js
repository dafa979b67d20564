// All sites, live; and one of them to edit.
import { html, useMemo, useRef, useState } from '../web/view.js';
import { Badge, Ago, Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { count } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { replace, to } from '../hub/route.js';
import { Head, VirtualList } from '../parts/list.js';
import { Seen, SiteState, problem } from '../parts/state.js';
import { Site } from './site.js';
import { chosen } from './sitelist.js';

export const Sites = ({ part, query }) => (part ? html`<${Site} id=${part} query=${query} />` : html`<${All} query=${query} />`);

const states = ['online', 'offline', 'refused', 'held', 'disabled', 'never'];

function All({ query }) {
  const { edits, sites } = useHub();
  useSignal(sites);
  const [filter, setFilter] = useState({ q: query.q ?? '', state: query.state ?? '', sort: query.sort ?? 'id' });
  const set = (change) => {
    const next = { ...filter, ...change };
    setFilter(next);
    replace(to('sites', '', { ...next, sort: next.sort === 'id' ? '' : next.sort }));
  };
  const memory = useRef({});
  const items = chosen(sites, filter, memory.current);
  const tally = useMemo(() => tallyOf(sites), [items]);
  const head = (id, text, number) => html`<${Head} id=${id} sort=${filter.sort} number=${number} onSort=${(sort) => set({ sort })}>${text}</>`;
  return html`
    <div class="screen fill">
      <div class="title"><h1>${t('screen.sites')}</h1>
        <span class="muted grow" role="status">${sites.complete ? t('sites.count', { n: items.length, all: sites.byId.size }) : t('sites.loading', { n: sites.byId.size })}</span>
        ${edits && html`<a class="button primary" href=${to('sites', 'new')}><${Icon} name="add" />${t('sites.new')}</a>`}
      </div>
      <div class="row tools" role="search">
        <div class="find"><${Icon} name="search" /><input type="search" aria-label=${t('sites.search')} placeholder=${t('sites.search')} value=${filter.q} onInput=${(event) => set({ q: event.target.value })} /></div>
        <div class="row filters" role="group" aria-label=${t('sites.filter')}>
          <button type="button" aria-pressed=${!filter.state} onClick=${() => set({ state: '' })}>${t('all')}</button>
          ${states.map((state) => tally[state] > 0 && html`
            <button type="button" key=${state} aria-pressed=${filter.state === state} onClick=${() => set({ state: filter.state === state ? '' : state })}>${t(`state.${state}`)} <span class="muted">${count(tally[state])}</span></button>`)}
        </div>
      </div>
      ${items.length === 0 && sites.complete
        ? html`<div class="card"><${Empty} icon="search" title=${t(sites.byId.size > 1 ? 'sites.none' : 'sites.empty')}>${t('sites.none.next')}</></div>`
        : html`<${VirtualList} label=${t('screen.sites')} items=${items} columns="sites" row=${(site) => html`<${Row} site=${site} />`} head=${html`
            ${head('id', t('sites.id'), true)}${head('code', t('sites.code'))}${head('name', t('sites.name'))}${head('type', t('sites.type'))}
            <div role="columnheader">${t('sites.stores')}</div>
            ${head('state', t('sites.state'))}${head('lastSync', t('sites.lastSync'))}${head('backlog', t('sites.backlog'), true)}${head('version', t('sites.version'))}${head('problem', t('sites.problem'))}`} />`}
    </div>`;
}

function tallyOf(sites) {
  const tally = {};
  for (const { state } of sites.list()) tally[state] = (tally[state] ?? 0) + 1;
  return tally;
}

function Row({ site }) {
  const wrong = site.problem && problem(site.problem);
  return html`
    <div role="cell" class="number muted">${site.id}</div>
    <div role="cell" class="clip mono">${site.code}</div>
    <div role="rowheader" class="clip"><a class="strong plain" href=${to('sites', String(site.id))} title=${site.name}>${site.name}</a></div>
    <div role="cell" class="clip">${t(`type.${site.type || 'unknown'}`)}</div>
    <div role="cell" class="clip" title=${site.stores.map(({ code }) => code).join(', ')}>${site.stores.slice(0, 3).map(({ code }) => code).join(', ')}${site.stores.length > 3 ? ` +${site.stores.length - 3}` : ''}</div>
    <div role="cell" class="two"><${SiteState} site=${site} /><span class="muted small"><${Seen} site=${site} /></span></div>
    <div role="cell" class="clip">${site.lastSync && html`<${Ago} at=${site.lastSync} />`}</div>
    <div role="cell" class="number">${site.backlog ? count(site.backlog) : html`<span class="muted">0</span>`}</div>
    <div role="cell" class="clip small" title=${site.version}>${site.version}</div>
    <div role="cell" class="clip" title=${wrong ? `${wrong.message} ${wrong.next}` : ''}>${wrong && html`<${Badge} kind="warn"><span class="clip">${wrong.message}</span></>`}</div>`;
}
