// The site editor. What one enters is a draft: nothing happens before OK.
import { html, useEffect, useState } from '../web/view.js';
import { Empty } from '../web/parts.js';
import { Icon } from '../web/icons.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { go, to, useGuard } from '../hub/route.js';
import { Failure } from '../parts/failure.js';
import { SiteState } from '../parts/state.js';
import { useDoing } from '../parts/busy.js';
import { useLeave } from '../parts/leave.js';
import { carryOver, creationOf, draftOf, editsOf } from './draft.js';
import { Conflict, Effects, useEffects } from './effects.js';
import { Condition } from './condition.js';
import { Details } from './details.js';
import { Join } from './join.js';
import { SiteStores } from './sitestores.js';

export function Site({ id, query }) {
  const { edits, sites, call } = useHub();
  const creating = id === 'new';
  const [base, setBase] = useState(null); // the site that the draft is about, as it was
  const [draft, setDraft] = useState(draftOf);
  const [conflict, setConflict] = useState(null); // the site as somebody else made it
  const [missing, setMissing] = useState(null);
  const [joining, setJoining] = useState(Boolean(query.join));
  const [run, busy, error, clear] = useDoing();
  useSignal(sites);

  useEffect(() => {
    if (creating) return;
    call('site.get', { site: Number(id) }).then(({ site }) => {
      sites.put(site);
      setBase(site);
      setDraft(draftOf(site));
    }, setMissing);
  }, [id]);

  const changes = creating ? (draft.name || draft.code || draft.password || draft.add.length ? creationOf(draft) : null) : base && editsOf(base, draft);
  const [ask, question] = useLeave();
  useGuard(Boolean(changes), ask);
  const effects = useEffects(base, edits && !creating ? changes : null);
  const shown = creating ? null : sites.get(Number(id)) ?? base; // live
  const moved = !creating && base && shown && shown.revision !== base.revision;
  useEffect(() => {
    if (!moved || busy) return;
    if (changes) {
      setConflict({ ...shown }); // as it is now: what is shown goes on to change
    } else {
      setBase({ ...shown });
      setDraft(draftOf(shown));
    }
  }, [shown?.revision]);

  if (missing) return html`<div class="screen"><${Failure} error=${missing} /><p><a href=${to('sites')}>${t('site.back')}</a></p></div>`;
  if (!creating && !base) return html`<p class="screen muted" role="status">${t('loading')}</p>`;

  const set = (change) => {
    clear();
    setDraft((old) => ({ ...old, ...change }));
  };
  const leave = (hash) => {
    setDraft(draftOf(base)); // so that nothing is left to guard
    setTimeout(() => go(hash));
  };
  const save = (next) => run(async () => {
    try {
      if (creating) {
        const { site } = await call('site.create', creationOf(draft));
        sites.put(site);
        setDraft(draftOf());
        setTimeout(() => go(to('sites', String(site.id), { join: '1' })));
        return;
      }
      const { site } = await call('site.update', { site: base.id, revision: base.revision, ...changes });
      sites.put(site);
      setBase(site);
      setDraft(draftOf(site));
      setTimeout(() => go(next ? to('sites', String(next)) : to('sites')));
    } catch (failed) {
      if (failed.code !== 'conflict') throw failed;
      const { site } = await call('site.get', { site: base.id });
      sites.put(site);
      setConflict(site);
    }
  });
  const resolve = (keep) => {
    setDraft(keep ? carryOver(draft, base, conflict) : draftOf(conflict));
    setBase(conflict);
    setConflict(null);
  };
  const following = creating ? null : after(sites, base.id);
  const ready = changes && !busy && !conflict && draft.name.trim() && (!creating || draft.password);
  return html`
    <form class="screen editor" onSubmit=${(event) => { event.preventDefault(); if (ready) save(null); }}>
      <div class="title">
        <a class="button quiet icononly" href=${to('sites')} aria-label=${t('site.back')}><${Icon} name="back" /></a>
        <h1 class="grow">${creating ? t('sites.new') : base.name}</h1>
        ${shown && html`<${SiteState} site=${shown} />`}
        ${!creating && !base.activeHere && html`<button type="button" onClick=${() => setJoining(true)}>${t('join')}</button>`}
      </div>
      ${conflict && html`<${Conflict} base=${base} now=${conflict} onResolve=${resolve} />`}
      <div class="columns">
        <div class="stack">
          <${Details} site=${base} draft=${draft} set=${set} error=${error} readonly=${!edits} />
          <${SiteStores} site=${shown} draft=${draft} set=${set} readonly=${!edits} />
        </div>
        <div class="stack">
          ${shown ? html`<${Condition} site=${shown} draftChanged=${Boolean(changes)} />` : html`<div class="card"><${Empty} icon="info" title=${t('site.new.about')}>${t('site.new.next')}</></div>`}
        </div>
      </div>
      ${edits && html`
        <div class="foot">
          <${Effects} effects=${effects} creating=${creating && changes} draft=${draft} />
          ${error && !error.field && html`<${Failure} error=${error} onDismiss=${clear} />`}
          <div class="row">
            <span class="grow muted" role="status">${t(changes ? 'site.draft' : 'site.unchanged')}</span>
            <button type="button" onClick=${() => leave(to('sites'))}>${t('cancel')}</button>
            ${following && html`<button type="button" disabled=${busy || conflict} onClick=${() => (changes ? ready && save(following) : go(to('sites', String(following))))}>${t('okNext')}</button>`}
            <button type="submit" class="primary" disabled=${!ready}>${t('ok')}</button>
          </div>
        </div>`}
      ${question}
      ${joining && html`<${Join} site=${base} onClose=${() => setJoining(false)} />`}
    </form>`;
}

// after gives the ID of the site that follows in the order of IDs.
function after(sites, id) {
  let next = null;
  for (const site of sites.list()) if (site.id > id && (next === null || site.id < next)) next = site.id;
  return next;
}
