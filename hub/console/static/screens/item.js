// One change in quarantine, field by field beside the record as it is now.
import { html } from '../web/view.js';
import { Ago, Notice } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { t } from '../web/text.js';
import { useData, useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { go, to } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { QuarantineState } from '../parts/state.js';
import { useDoing } from '../parts/busy.js';

const undecided = new Set(['open', 'stale']);

export function Item({ id, query }) {
  const { call, edits, sites, user } = useHub();
  useSignal(sites);
  const { data, error, reload } = useData(() => call('quarantine.get', { item: Number(id) }), { on: ['quarantine.'], deps: [id] });
  const [run, busy, failed] = useDoing();
  if (!data) return html`<div class="screen">${error ? html`<${Failure} error=${error} />` : html`<p class="muted" role="status">${t('loading')}</p>`}</div>`;
  const { item, fields } = data;
  const back = to('quarantine', '', query);
  const decide = (how) => run(async () => {
    await call(`quarantine.${how}`, { item: item.id });
    const next = await following(call, item.id, query);
    if (next) go(to('quarantine', String(next), query));
    else reload();
  });
  return html`
    <div class="screen stack whole">
      <div class="title"><a class="button quiet icononly" href=${back} aria-label=${t('screen.quarantine')}><${Icon} name="back" /></a>
        <h1 class="grow mono">${item.code} / ${item.table} / ${item.record}</h1><${QuarantineState} state=${item.state} /></div>
      <${Notice} kind="info" title=${t(`reason.${item.reason}.long`, { site: sites.name(item.site) })} />
      <section class="card pad"><dl class="facts">
        <dt>${t('quarantine.op')}</dt><dd>${t(`op.${item.op}`)}${item.to && html` → <span class="mono">${item.to}</span>`}</dd>
        <dt>${t('quarantine.site')}</dt><dd><a href=${to('sites', String(item.site))}>${sites.name(item.site)}</a></dd>
        <dt>${t('quarantine.received')}</dt><dd><${Ago} at=${item.received} /></dd>
        <dt>${t('stores.epoch')}</dt><dd class="mono">${item.epoch}, n ${item.n}</dd>
        ${item.by && html`<dt>${t('quarantine.by')}</dt><dd>${item.by}${item.decided && html` · <${Ago} at=${item.decided} />`}</dd>`}</dl></section>
      <section class="card scroll"><table class="compare">
        <thead><tr><th>${t('compare.field')}</th><th>${t('compare.change')}</th><th>${t('compare.present')}</th></tr></thead>
        <tbody>${fields.map((f) => html`<tr key=${f.name} class=${f.differs ? 'differs' : ''}><th scope="row" class="mono">${f.name}${f.differs && html` <span class="chip">${t('compare.differs')}</span>`}</th><td>${value(f.change)}</td><td>${value(f.present)}</td></tr>`)}
          ${fields.length === 0 && html`<tr><td colspan="3" class="muted">${t(!user.data ? 'compare.forbidden' : item.op === 'delete' ? 'compare.delete' : 'compare.raw')}</td></tr>`}</tbody></table></section>
      <${Failure} error=${failed ?? error} />
      ${edits && undecided.has(item.state) && html`<div class="foot row">
        <p class="grow muted">${t('quarantine.decide')}</p>
        <button type="button" disabled=${busy} onClick=${() => decide('discard')}>${t('discard')}</button>
        <button type="button" class="primary" disabled=${busy} onClick=${() => decide('apply')}>${t('apply')}</button></div>`}
    </div>`;
}

// following gives the next item that waits in the list one came from.
async function following(call, id, { state = 'open', site }) {
  if (state !== 'open') return undefined;
  const page = await call('quarantine.list', { state, site: site ? Number(site) : undefined, after: String(id), limit: 1 });
  return page.items[0]?.id;
}

const value = (json) => (json === null ? html`<span class="muted">–</span>` : html`<code>${typeof json === 'string' ? json : JSON.stringify(json)}</code>`);
