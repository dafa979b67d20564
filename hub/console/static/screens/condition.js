// How a site is now, and what one can do about it. None of it is part of the
// draft: each asks by itself.
import { html, useState } from '../web/view.js';
import { Ago, Notice } from '../web/parts.js';
import { size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { to } from '../hub/route.js';
import { skew } from '../parts/skew.js';
import { Seen, SiteState, problem } from '../parts/state.js';
import { Check } from './check.js';
import { DeleteSite, ResetHardware } from './removal.js';

export function Condition({ site, draftChanged }) {
  const { edits } = useHub();
  const [asked, setAsked] = useState('');
  const wrong = site.problem && problem(site.problem);
  const remote = !site.activeHere;
  const close = () => setAsked('');
  return html`
    <section class="card pad stack" aria-labelledby="condition">
      <h2 id="condition">${t('condition')}</h2>
      ${wrong && html`<${Notice} kind=${site.state === 'refused' || site.state === 'held' ? 'bad' : 'warn'} title=${wrong.message} next=${wrong.next}>
        ${site.problem.code === 'quarantined' && html`<p><a href=${to('quarantine', '', { site: String(site.id) })}>${t('quarantine.look')}</a></p>`}</>`}
      <dl class="facts">
        <dt>${t('sites.state')}</dt><dd><${SiteState} site=${site} /></dd>
        ${remote && html`<dt>${t(site.state === 'online' ? 'condition.since' : 'condition.seen')}</dt><dd>${site.lastSeen ? html`<${Seen} site=${site} />` : t('neverSeen')}</dd>
          <dt>${t('sites.lastSync')}</dt><dd>${site.lastSync ? html`<${Ago} at=${site.lastSync} />` : t('neverSeen')}</dd>
          <dt>${t('sites.backlog')}</dt><dd>${t('changes', { n: site.backlog })}</dd>
          <dt>${t('sites.type')}</dt><dd>${t(`type.${site.type || 'unknown'}`)}${site.platform && `, ${site.platform}`}</dd>
          <dt>${t('sites.version')}</dt><dd>${site.version || t('unknown')}</dd>
          <dt>${t('condition.clock')}</dt><dd>${skew(site.clockSkewMs)}</dd>
          ${site.diskFree > 0 && html`<dt>${t('condition.disk')}</dt><dd>${size(site.diskFree)}</dd>`}`}
        <dt>${t('condition.here')}</dt><dd>${t(site.activeHere ? 'yes' : 'no')}</dd>
        ${remote && html`<dt>${t('condition.hardware')}</dt><dd>
          ${site.hardwareId ? html`<code>${grouped(site.hardwareId)}</code>${site.testHardware && html` <span class="chip">${t('condition.test')}</span>`}` : t('condition.unbound')}
          ${edits && site.hardwareId && html`<br /><button type="button" class="small" onClick=${() => setAsked('reset')}>${t('reset')}</button>`}</dd>`}
      </dl>
      ${remote && html`<${Check} site=${site} />`}
      <div class="row">
        <a href=${to('audit', '', { site: String(site.id) })}>${t('condition.audit')}</a>
        ${edits && remote && html`<span class="grow"></span><button type="button" class="danger small" onClick=${() => setAsked('delete')}>${t('delete')}</button>`}
      </div>
      ${asked === 'reset' && html`<${ResetHardware} site=${site} draftChanged=${draftChanged} onClose=${close} />`}
      ${asked === 'delete' && html`<${DeleteSite} site=${site} onClose=${close} />`}
    </section>`;
}

export const grouped = (id) => id.match(/.{1,7}/g).join('-');
