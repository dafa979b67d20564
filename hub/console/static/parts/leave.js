// The question of one who leaves with changes that were not sent.
import { html, useCallback, useState } from '../web/view.js';
import { Dialog } from '../web/parts.js';
import { t } from '../web/text.js';

// useLeave gives ask, which gives a promise of whether to leave, and what to
// draw while it asks.
export function useLeave() {
  const [answer, setAnswer] = useState(null);
  const ask = useCallback(() => new Promise((resolve) => setAnswer(() => resolve)), []);
  const say = (leave) => () => {
    answer(leave);
    setAnswer(null);
  };
  const question = answer && html`
    <${Dialog} title=${t('leave')} onClose=${say(false)} actions=${html`
      <button type="button" onClick=${say(true)}>${t('leave.drop')}</button>
      <button type="button" class="primary" onClick=${say(false)}>${t('leave.stay')}</button>`}>
      <p>${t('leave.about')}</p>
    </>`;
  return [ask, question];
}
