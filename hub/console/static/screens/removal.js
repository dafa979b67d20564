// What takes something from a site for good: each says what that means.
import { html, useState } from '../web/view.js';
import { Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { go, to } from '../hub/route.js';
import { Confirm } from '../parts/confirm.js';
import { Unsent } from '../parts/unsent.js';

export function ResetHardware({ site, draftChanged, onClose }) {
  const { call, sites } = useHub();
  const [refused, setRefused] = useState(false); // the hub knows of changes that were not sent
  const lost = refused || site.backlog > 0;
  const reset = async () => {
    try {
      sites.put((await call('site.reset-hardware', { site: site.id, force: lost })).site);
    } catch (error) {
      if (error.code === 'backlog') setRefused(true);
      throw error;
    }
  };
  return html`
    <${Confirm} danger title=${t('reset.title', { name: site.name })} action=${t('reset.do')} onDo=${reset} onClose=${onClose} sure=${lost && t('reset.sure')}>
      <p>${t('reset.about')}</p>
      <${Unsent} site=${site} />
      ${draftChanged && html`<${Notice} title=${t('reset.draft')} />`}
    </>`;
}

export function DeleteSite({ site, onClose }) {
  const { call, sites } = useHub();
  const remove = async () => {
    await call('site.delete', { site: site.id, force: site.backlog > 0 });
    sites.remove(site.id);
    setTimeout(() => go(to('sites')));
  };
  return html`
    <${Confirm} danger title=${t('delete.title', { name: site.name })} action=${t('delete.do')} onDo=${remove} onClose=${onClose} sure=${t('delete.sure')}>
      <p>${t('delete.about')}</p>
      <${Unsent} site=${site} />
    </>`;
}
