// What needs me now?
import { html } from '../web/view.js';
import { Ago, Badge, Empty, useNow } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { count, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { HandoverState, Seen, SiteState, problem } from '../parts/state.js';
import { troubles } from './trouble.js';

const shown = 8; // entries of one kind

// useTrouble finds what there is, live.
function useTrouble() {
  const { sites, waiting, history } = useHub();
  useSignal(sites);
  const { moves, quarantine, error } = useSignal(waiting);
  useNow(5000); // what goes on too long shows without an event
  const list = moves && sites.complete ? troubles({ sites: [...sites.list()], moves, quarantine, version: history.now?.version }) : null;
  return { list, error };
}

export function AttentionCount() {
  const { list } = useTrouble();
  const urgent = list?.filter(({ level }) => level !== 'info').reduce((n, { entries }) => n + entries.length, 0);
  return urgent > 0 && html`<span class="count" aria-hidden="true">${count(urgent)}</span>`;
}

export function Attention() {
  const { sites } = useHub();
  const { list, error } = useTrouble();
  const online = [...sites.list()].filter(({ state, type }) => state === 'online' && type !== 'central').length;
  return html`
    <div class="screen stack">
      <div class="title"><h1 class="grow">${t('screen.attention')}</h1>
        ${list && html`<span class="muted">${t('attention.online', { online, n: sites.byId.size - 1 })}</span>`}</div>
      <${Failure} error=${error} />
      ${!list && !error && html`<p class="muted" role="status">${t('loading')}</p>`}
      ${list?.length === 0 && html`<div class="card well"><${Empty} icon="ok" title=${t('attention.well')}>${t('attention.well.about', { n: sites.byId.size - 1 })}</></div>`}
      ${list?.map((kind) => html`<${Kind} key=${kind.id} ...${kind} />`)}
    </div>`;
}

const Kind = ({ id, level, entries }) => html`
  <section class="card trouble" aria-labelledby=${`trouble-${id}`}>
    <div class="cardhead pad"><h2 id=${`trouble-${id}`}><${Badge} kind=${level}>${t(`trouble.${id}`, { n: entries.length })}</></h2><p class="muted">${t(`trouble.${id}.about`)}</p></div>
    <ul class="rows">${entries.slice(0, shown).map((entry) => html`<li key=${entry.key} class="row"><${Entry} id=${id} ...${entry} /></li>`)}</ul>
    ${entries.length > shown && html`<p class="pad"><a href=${to('sites', '', query(id))}>${t('trouble.all', { n: entries.length })}</a></p>`}
  </section>`;

const query = (id) => ({ rejected: { state: 'refused' }, held: { state: 'held' }, silent: { state: 'offline', sort: 'state' } })[id] ?? { sort: 'problem' };

function Entry({ id, site, handover, from, n, href }) {
  if (handover) return html`<span class="strong mono">${handover.code}</span><span class="grow">${handover.fromName} → ${handover.toName} · <${Ago} at=${handover.started} /></span><${HandoverState} state=${handover.state} /><${Act} href=${href} text=${t(handover.state === 'draining' ? 'trouble.stuck.force' : 'trouble.stuck.do')} />`;
  if (from) return html`<span class="strong grow">${from}</span><span>${t('changes', { n })}</span><${Act} href=${href} text=${t('trouble.quarantine.do')} />`;
  return html`<span class="name"><span class="strong">${site.name}</span> <span class="muted mono">${site.code}</span></span><span class="grow muted">${why(id, site)}</span><span class="nowrap"><${SiteState} site=${site} /></span><${Act} href=${href} text=${t(`trouble.${id}.do`)} />`;
}

const Act = ({ href, text }) => html`<a class="button small" href=${href}>${text}<${Icon} name="next" /></a>`;

// why says in words what is wrong with a site.
function why(id, site) {
  if (id === 'silent') return html`${t('trouble.silent.seen')} <${Seen} site=${site} />${site.backlog > 0 && ` · ${t('unsent', { n: site.backlog })}`}`;
  if (id === 'old') return site.version;
  if (id === 'disk' && site.diskFree > 0) return t('trouble.disk.left', { size: size(site.diskFree) });
  if (!site.problem) return '';
  const { message, next } = problem(site.problem);
  return `${message} ${next}`;
}
