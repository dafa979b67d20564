// Asking a site's device how it is, and to sync now.
import { html, useState } from '../web/view.js';
import { Badge, Notice } from '../web/parts.js';
import { count, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Failure } from '../parts/failure.js';
import { useDoing } from '../parts/busy.js';
import { skew } from '../parts/skew.js';

export function Check({ site }) {
  const { call, edits } = useHub();
  const [answer, setAnswer] = useState(null); // of site.check
  const [asked, setAsked] = useState(null); // of site.sync
  const [run, busy, error, clear] = useDoing();
  const check = () => {
    setAnswer(null);
    setAsked(null);
    run(async () => setAnswer(await call('site.check', { site: site.id })));
  };
  const sync = () => {
    setAnswer(null);
    run(async () => setAsked(await call('site.sync', { site: site.id, timeout: 5 })));
  };
  return html`
    <div class="stack">
      <div class="row">
        <button type="button" disabled=${busy} onClick=${check}>${t(busy ? 'check.busy' : 'check')}</button>
        ${edits && html`<button type="button" disabled=${busy} onClick=${sync}>${t('sync')}</button>`}
      </div>
      <${Failure} error=${error} onDismiss=${clear} />
      ${asked && html`<${Notice} kind=${asked.online ? 'ok' : 'info'} title=${t(asked.online ? 'sync.asked' : 'sync.waits')} onDismiss=${() => setAsked(null)} />`}
      ${answer && html`<div role="status"><${Badge} kind="ok">${t('check.well', { ms: count(answer.ms) })}</>
        <dl class="facts"><dt>${t('sites.version')}</dt><dd>${answer.version}</dd><dt>${t('check.platform')}</dt><dd>${answer.platform}</dd>
          <dt>${t('condition.clock')}</dt><dd>${skew(answer.clockSkewMs)}</dd><dt>${t('sites.backlog')}</dt><dd>${t('changes', { n: answer.backlog })}</dd>
          <dt>${t('condition.disk')}</dt><dd>${size(answer.diskFree)}</dd></dl></div>`}
    </div>`;
}
