// What OK will do, and what somebody else did meanwhile.
import { html, useEffect, useState } from '../web/view.js';
import { Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { sentence } from '../parts/failure.js';
import { changesBetween } from './draft.js';
import { lastingOf } from './details.js';

const pause = 350; // after the last key, in milliseconds

// useEffects asks the hub what some edits would do, without doing it.
export function useEffects(site, edits) {
  const { call } = useHub();
  const [answer, setAnswer] = useState(null);
  const key = edits ? JSON.stringify(edits) : '';
  useEffect(() => {
    setAnswer(null);
    if (!key) return undefined;
    let current = true;
    const timer = setTimeout(() => {
      call('site.update', { site: site.id, revision: site.revision, ...edits, dryRun: true }).then(
        (result) => current && setAnswer({ effects: result.effects }),
        (error) => current && error.code !== 'conflict' && setAnswer({ error }));
    }, pause);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key, site?.revision]);
  return answer;
}

export function Effects({ effects, creating, draft }) {
  if (creating) return html`<${Notice} title=${t('effects.create')}>${draft.add.length > 0 && html`<p>${t('effects.create.stores', { stores: draft.add.map(({ code }) => code).join(', ') })}</p>`}</>`;
  if (!effects) return null;
  const { error } = effects;
  if (error) return html`<${Notice} kind="warn" title=${sentence(error.message)} next=${sentence(error.next)} />`;
  if (effects.effects.length === 0) return html`<${Notice} title=${t('effects.quiet')} />`;
  return html`<${Notice} title=${t('effects')}><ul class="dots">${effects.effects.map((effect) => html`<li key=${effect}>${sentence(effect)}</li>`)}</ul></>`;
}

export function Conflict({ base, now, onResolve }) {
  const changes = changesBetween(base, now);
  return html`
    <${Notice} kind="warn" title=${t('conflict')} next=${t('conflict.next')}>
      <ul class="dots">${changes.map(([field, before, after]) => html`<li key=${field}>${t(`details.${field}`)}: <del>${word(field, before)}</del> → <ins>${word(field, after)}</ins></li>`)}
        ${changes.length === 0 && html`<li>${t('conflict.hidden')}</li>`}</ul>
      <div class="row"><button type="button" class="primary" onClick=${() => onResolve(true)}>${t('conflict.keep')}</button>
        <button type="button" onClick=${() => onResolve(false)}>${t('conflict.drop')}</button></div>
    </>`;
}

function word(field, value) {
  if (field === 'maxOffline') return lastingOf(value);
  if (field === 'enabled') return t(value ? 'yes' : 'no');
  if (field === 'transport') return t(`transport.${value}`);
  return value || t('nothing');
}
