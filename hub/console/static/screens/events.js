// What happens, as it happens.
import { html, useState } from '../web/view.js';
import { Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { clock, full } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { to } from '../hub/route.js';
import { sentence } from '../parts/failure.js';

const groups = ['', 'site.', 'handover.', 'quarantine.', 'hub.', 'user.'];
const shown = 300;

const bad = ['site.rejected', 'site.refused', 'site.two_devices', 'site.diverged', 'site.bad_frame', 'hub.disk', 'hub.overload', 'hub.restored', 'handover.trouble'];
const warn = ['site.lease_expiring', 'quarantine.added', 'quarantine.stale', 'handover.forced', 'user.login_failed'];
export const kindOf = ({ kind }) => (bad.includes(kind) ? 'bad' : warn.includes(kind) ? 'warn' : 'info');

export function Events() {
  const { events, sites } = useHub();
  useSignal(events);
  const [group, setGroup] = useState('');
  const list = events.list.filter(({ kind }) => kind.startsWith(group)).slice(0, shown);
  return html`
    <div class="screen">
      <div class="title"><h1>${t('screen.events')}</h1><span class="muted">${t('events.since')}</span></div>
      <div class="row tools filters" role="group" aria-label=${t('sites.filter')}>
        ${groups.map((g) => html`<button type="button" key=${g} aria-pressed=${g === group} onClick=${() => setGroup(g)}>${t(`events.${g || 'all'}`)}</button>`)}</div>
      ${list.length === 0 ? html`<div class="card"><${Empty} title=${t('events.none')} /></div>` : html`
        <ol class="card log" aria-label=${t('screen.events')} aria-live="polite">${list.map((e) => html`<li key=${e.number}>
          <time class="muted mono" datetime=${e.at} title=${full(e.at)}>${clock(e.at)}</time>
          <span class=${`kind ${kindOf(e)}`}><${Icon} name=${kindOf(e)} /></span>
          <span class="mono small kindname">${e.kind}</span>
          <span class="grow">${sentence(e.message)} ${e.next && html`<span class="muted">${e.next}</span>`}</span>
          ${e.site > 1 && html`<a href=${to('sites', String(e.site))}>${sites.name(e.site)}</a>`}</li>`)}</ol>`}
    </div>`;
}
