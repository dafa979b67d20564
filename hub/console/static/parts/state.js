// States of sites, stores and handovers in words and shapes.
import { html } from '../web/view.js';
import { Ago, Badge } from '../web/parts.js';
import { t, told } from '../web/text.js';
import { sentence } from './failure.js';

const siteKinds = { online: 'ok', offline: 'off', never: 'none', refused: 'bad', disabled: 'none', held: 'bad' };
const phaseKinds = { active: 'ok', draining: 'busy', loading: 'busy' };
const handoverKinds = { draining: 'busy', loading: 'busy', done: 'ok', cancelled: 'none', forced: 'warn' };
const quarantineKinds = { open: 'warn', proposed: 'busy', applied: 'ok', stale: 'warn', discarded: 'none' };

export const SiteState = ({ site }) => html`<${Badge} kind=${siteKinds[site.state] ?? 'info'}>${t(`state.${site.state}`)}</>`;
export const Phase = ({ phase }) => html`<${Badge} kind=${phaseKinds[phase] ?? 'info'}>${t(`phase.${phase}`)}</>`;
export const HandoverState = ({ state }) => html`<${Badge} kind=${handoverKinds[state] ?? 'info'}>${t(`handover.${state}`)}</>`;
export const QuarantineState = ({ state }) => html`<${Badge} kind=${quarantineKinds[state] ?? 'info'}>${t(`quarantine.${state}`)}</>`;

// Seen says since when a site is online, or when it was last seen.
export function Seen({ site }) {
  if (site.type === 'central') return t('here');
  if (site.state === 'online' && site.since) return html`${t('since')} <${Ago} at=${site.since} />`;
  return site.state !== 'never' && site.lastSeen ? html`<${Ago} at=${site.lastSeen} />` : '';
}

// problem puts a site's problem into the person's language. The hub's own words
// are English, and say more: in other languages they follow in brackets.
export function problem({ code, message, next }) {
  if (!told(`program.problem.${code}`)) return { message: sentence(message), next: sentence(next) };
  return { message: `${t(`program.problem.${code}`)} (${message})`, next: t(`program.problem.${code}.next`) };
}
