// Ending the wait of a move: leaving the store where it is, or not waiting for
// what its site has not sent.
import { html } from '../web/view.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Confirm } from '../parts/confirm.js';
import { Unsent } from '../parts/unsent.js';

export function CancelHandover({ handover, onClose, onDone }) {
  const { call, sites } = useHub();
  const cancel = async () => {
    await call('handover.cancel', { handover: handover.id });
    onDone();
  };
  return html`
    <${Confirm} title=${t('cancelMove.title', { code: handover.code })} action=${t('cancelMove')} onDo=${cancel} onClose=${onClose}>
      <p>${t('cancelMove.about', { site: sites.name(handover.from) })}</p>
    </>`;
}

export function ForceHandover({ handover, onClose, onDone }) {
  const { call, sites } = useHub();
  const from = sites.get(handover.from);
  const force = async () => {
    await call('handover.force', { handover: handover.id });
    onDone();
  };
  return html`
    <${Confirm} danger title=${t('force.title', { code: handover.code })} action=${t('force')} sure=${t('force.sure')} onDo=${force} onClose=${onClose}>
      <p>${t('force.about', { from: sites.name(handover.from), to: sites.name(handover.to) })}</p>
      <${Unsent} site=${from} waiting=${Math.max(handover.waiting ?? 0, from?.backlog ?? 0)} />
      <p>${t('force.then', { from: sites.name(handover.from) })}</p>
    </>`;
}
