// The steps of a connection check.
import { html } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { t, told } from '../web/text.js';
import { Problem } from './say.js';

const ways = {
  'mqtt:': ['resolve', 'connect', 'login', 'hardware', 'round_trip'],
  'mqtts:': ['resolve', 'connect', 'tls', 'login', 'hardware', 'round_trip'],
  'wss:': ['resolve', 'connect', 'tls', 'websocket', 'login', 'hardware', 'round_trip'],
};

// all are the steps that were tried, and those that would have come after.
function all(steps, hub) {
  const names = ways[(hub || '').split('//')[0]] || ways['mqtts:'];
  const last = steps.length ? names.indexOf(steps[steps.length - 1].step) : -1;
  const failed = steps.some((step) => !step.ok);
  return failed ? [...steps, ...names.slice(last + 1).map((step) => ({ step, skipped: true }))] : steps;
}

const Step = ({ step }) => html`
  <li class=${step.skipped ? 'muted' : ''}>
    <span class=${step.skipped ? 'none' : step.ok ? 'ok' : 'bad'}><${Icon} name=${step.skipped ? 'none' : step.ok ? 'ok' : 'bad'} /></span>
    <span class="grow">${told(`step.${step.step}`) ? t(`step.${step.step}`) : step.step}</span>
    <span class="muted small">${step.skipped ? t('step.skipped') : step.ok ? t('step.ok', { ms: step.ms || '< 1' }) : t('step.failed')}</span>
    ${step.problem && html`<div class="whole"><${Problem} kind="bad" problem=${step.problem} /></div>`}
  </li>`;

// Steps lists them, and says what to do about the one that failed.
export const Steps = ({ steps, hub }) => html`
  <ol class="steps" aria-label=${t('steps')}>${all(steps, hub).map((step) => html`<${Step} key=${step.step} step=${step} />`)}</ol>`;

export const Checking = () => html`<p class="row muted" role="status"><span class="turn"><${Icon} name="sync" /></span>${t('checking')}</p>`;
