// What a site's device has not sent, as far as the hub knows.
import { html } from '../web/view.js';
import { Ago, Notice } from '../web/parts.js';
import { t } from '../web/text.js';

export function Unsent({ site, waiting = site?.backlog }) {
  if (!site) return null;
  const kind = waiting > 0 ? 'bad' : site.state === 'online' ? 'info' : 'warn';
  const title = waiting > 0 ? t('unsent.some', { n: waiting }) : t(site.state === 'online' ? 'unsent.none' : 'unsent.unknown');
  return html`<${Notice} kind=${kind} title=${title}>${site.lastSeen && site.state !== 'online' && html`<p class="muted">${t('unsent.seen')} <${Ago} at=${site.lastSeen} /></p>`}</>`;
}
