// The one question: is my data sent? With the one button.
import { html, useEffect, useRef, useState } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { Progress, useNow } from '../web/parts.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { useAction } from '../agent/live.js';
import { momentAgo } from '../agent/when.js';
import { Left } from './left.js';
import { Phases } from './phases.js';
import { Failed } from './say.js';

// stuck are the changes of stores that are held back: they wait although the
// link is there.
const stuck = (stores) => stores.reduce((n, store) => n + (store.problem ? store.queued : 0), 0);

// answer gives the state of everything in one word.
export function answer({ status, stores }) {
  const refused = stores.some((store) => store.quarantined > 0);
  if (status.link === 'disabled') return 'disabled';
  if (status.link === 'refused') return 'refused';
  if (!status.backlog) return status.lastSync ? (refused ? 'partly' : 'sent') : status.link === 'offline' ? 'never' : 'first';
  if (status.link === 'online') return status.backlog > stuck(stores) ? 'sending' : 'stuck';
  return status.link === 'connecting' ? 'connecting' : 'waiting';
}

const kinds = { disabled: 'off', refused: 'bad', sent: 'ok', partly: 'warn', never: 'warn', first: 'busy', sending: 'busy', stuck: 'warn', connecting: 'busy', waiting: 'warn' };

// The answers that say themselves how much waits.
const counted = ['sending', 'stuck', 'connecting', 'waiting'];

// useLargest remembers the most that waited while it is being sent: what the
// progress is measured by.
function useLargest(n, sending) {
  const largest = useRef(0);
  largest.current = sending ? Math.max(largest.current, n) : 0;
  return largest.current;
}

// useAsked follows a sync that somebody asked for to its end: 'trying', 'done',
// 'failed', or nothing.
function useAsked({ status, stores }) {
  const [asked, setAsked] = useState(null);
  const [outcome, setOutcome] = useState('');
  const loading = stores.some((store) => store.phase === 'loading');
  useEffect(() => {
    if (!asked) return undefined;
    const sent = status.backlog <= stuck(stores) && !loading;
    if (status.link === 'online' && status.lastSync !== asked.lastSync && sent) {
      setAsked(null);
      setOutcome('done');
    } else if (status.link !== 'online' && status.link !== 'connecting' && status.lastTry !== asked.lastTry) {
      setAsked(null);
      setOutcome('failed');
    }
    return undefined;
  }, [asked, status, stores]);
  const begin = (before) => {
    setOutcome('');
    setAsked(before);
  };
  return [asked ? 'trying' : outcome, begin];
}

export function Hero({ agent, admin, onHurry }) {
  const { status, stores } = agent;
  const now = answer(agent);
  const [asked, begin] = useAsked(agent);
  const largest = useLargest(status.backlog, now === 'sending');
  useEffect(() => onHurry(asked === 'trying'), [asked]);
  const [sync, busy, failure, clear] = useAction(async () => {
    begin({ lastSync: status.lastSync, lastTry: status.lastTry });
    await api.sync();
    agent.look();
  });
  const [turnOn, turning, refused] = useAction(async () => {
    await api.setEnabled(true);
    agent.look();
  });
  const n = status.backlog;
  const clock = useNow();
  const working = asked === 'trying' || now === 'sending' || now === 'connecting' || stores.some((store) => store.phase === 'loading');
  return html`
    <section class="card hero ${kinds[now]}" aria-label=${t('hero')}>
      <div class="answer" role="status">
        <${Icon} name=${kinds[now]} />
        <div>
          <p class="big">${t(`answer.${now}`, { n })}</p>
          <p class="what">${t(`answer.${now}.what`, { n })}</p>
        </div>
      </div>
      ${now === 'sending' && html`<${Progress} value=${largest ? 1 - n / largest : 0} label=${t('answer.sending', { n })} />`}
      ${working && html`<${Phases} status=${status} stores=${stores} />`}
      <dl class="facts">
        ${n > 0 && !counted.includes(now) && html`<dt>${t('waiting')}</dt><dd>${t('changes', { n })}</dd>`}
        ${n > 0 && status.backlogSince && html`<dt>${t('waiting.since')}</dt><dd>${momentAgo(status.backlogSince, clock)}</dd>`}
        ${now === 'sending' && status.eta && html`<dt>${t('expected')}</dt><dd><${Left} eta=${status.eta} /></dd>`}
        <dt>${t('lastsync')}</dt><dd>${status.lastSync ? momentAgo(status.lastSync, clock) : t('lastsync.never')}</dd>
      </dl>
      ${now === 'disabled'
        ? admin && html`<button type="button" class="primary big" disabled=${turning} onClick=${turnOn}>${t('enable')}</button>`
        : html`<button type="button" class="primary big" disabled=${busy || asked === 'trying'} onClick=${sync}>
            <span class=${asked === 'trying' ? 'turn' : ''}><${Icon} name="sync" /></span>${t(asked === 'trying' ? 'sync.trying' : 'sync')}</button>`}
      <p class="outcome" role="status">${asked === 'done' && t(n ? 'sync.reached' : 'sync.done')}${asked === 'failed' && t('sync.failed')}</p>
      ${(failure || refused) && html`<${Failed} failure=${failure || refused} onDismiss=${clear} />`}
    </section>`;
}
