// Home: is my data sent? What is wrong, and what do I do about it?
import { html } from '../web/view.js';
import { Notice } from '../web/parts.js';
import { lasting } from '../web/format.js';
import { t } from '../web/text.js';
import { moment } from '../agent/when.js';
import { Hero } from '../parts/hero.js';
import { Refused } from '../parts/refused.js';
import { Problem, Title } from '../parts/say.js';
import { Store } from '../parts/store.js';

// Some problems are told where they belong: those of stores, and refused
// changes.
const elsewhere = ['quarantined', 'lease_expired'];

function Warnings({ status, stores }) {
  const { problem, lease, clockSkewMs } = status;
  const ofStore = problem && stores.some((store) => store.problem?.message === problem.message);
  const ends = lease && !lease.expired && lease.readOnlyAt && new Date(lease.readOnlyAt) - Date.now() < lease.maxOffline * 500;
  return html`
    ${problem && !ofStore && !elsewhere.includes(problem.code) && html`<${Problem} kind=${status.link === 'refused' ? 'bad' : 'warn'} problem=${problem} />`}
    ${lease?.expired && html`<${Notice} kind="bad" title=${t('lease.over')} next=${t('lease.over.next')} />`}
    ${ends && html`<${Notice} kind="warn" title=${t('lease.ends', { at: moment(lease.readOnlyAt) })} next=${t('lease.ends.next')} />`}
    ${Math.abs(clockSkewMs) > 60000 && html`<${Notice} kind="warn" title=${t(clockSkewMs > 0 ? 'clock.fast' : 'clock.slow', { by: lasting(Math.abs(clockSkewMs) / 1000) })} next=${t('clock.next')} />`}`;
}

export function Home({ agent, admin, onHurry }) {
  const { status, stores } = agent;
  const refused = stores.reduce((n, store) => n + store.quarantined, 0);
  return html`
    <${Title} hidden>${t('nav.home')}</>
    <div class="columns">
      <div class="stack wide">
        <${Hero} agent=${agent} admin=${admin} onHurry=${onHurry} />
        <${Warnings} status=${status} stores=${stores} />
        ${refused > 0 && html`<${Refused} n=${refused} />`}
      </div>
      <section class="card" aria-labelledby="stores">
        <h2 id="stores" class="pad head">${t('stores')}</h2>
        ${stores.length
          ? html`<ul class="rows">${stores.map((store) => html`<${Store} key=${store.id} store=${store} eta=${status.stores.find((s) => s.code === store.code)?.loaded.eta} />`)}</ul>`
          : html`<p class="pad muted">${t('stores.none')}</p>`}
      </section>
    </div>`;
}
