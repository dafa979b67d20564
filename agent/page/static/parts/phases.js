import { html } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { t } from '../web/text.js';

// phases are what a sync goes through, each done, at work, or to come.
function phases(status, stores) {
  const online = status.link === 'online';
  const loading = stores.some((store) => store.phase === 'loading');
  const of = (reached, busy) => (!reached ? 'todo' : busy ? 'busy' : 'done');
  return [
    ['connect', online ? 'done' : 'busy'],
    ['send', of(online, status.backlog > 0)],
    ['receive', of(online && (loading || !status.backlog), loading)],
  ];
}

const icons = { done: 'ok', busy: 'busy', todo: 'off' };

// Phases shows how far a sync has come.
export const Phases = ({ status, stores }) => html`
  <ol class="phases" aria-label=${t('phases')}>${phases(status, stores).map(([name, state]) => html`
    <li key=${name} class=${icons[state]}><${Icon} name=${icons[state]} /><span>${t(`phase.${name}`)}</span><span class="hidden">${t(`phase.is.${state}`)}</span></li>`)}</ol>`;
