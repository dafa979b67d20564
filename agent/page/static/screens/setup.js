// First set-up: which site this device is to be.
import { html, useEffect, useRef, useState } from '../web/view.js';
import { Icon } from '../web/icons.js';
import { Input, Notice, TextArea } from '../web/parts.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { isJoin, joinOf, urlOf } from '../agent/join.js';
import { useAction } from '../agent/live.js';
import { Authority } from '../parts/authority.js';
import { Password } from '../parts/password.js';
import { Failed, Title } from '../parts/say.js';
import { Checking, Steps } from '../parts/steps.js';

export function SetUp({ agent, admin, lost, onBegun, onDone, onLeave }) {
  return html`
    <main class="page narrow">
      <div class="brand"><span class="mark"><${Icon} name="sync" /></span><${Title}>${t('setup')}</></div>
      ${lost}
      ${admin ? html`<${Form} agent=${agent} onBegun=${onBegun} onDone=${onDone} />` : html`<${Notice} kind="warn" title=${t('setup.admin')} next=${t('setup.admin.next')} />`}
      <button type="button" class="link" onClick=${onLeave}>${t('signout')}</button>
    </main>`;
}

function Form({ agent, onBegun, onDone }) {
  const [where, setWhere] = useState('');
  const [name, setName] = useState('');
  const [ca, setCA] = useState('');
  const [password, setPassword] = useState('');
  const [result, setResult] = useState(null);
  const byJoin = isJoin(where);
  const found = byJoin ? joinOf(where) : null;
  const [join, busy, failure] = useAction(async (keep) => {
    setResult(null);
    onBegun();
    const site = byJoin ? { join: where } : { hub: urlOf(where), name: name.trim(), ca };
    const made = await api.join({ ...site, password, keep });
    setResult(made);
    if (made.saved) agent.look();
    return made;
  });
  const submit = (event) => {
    event.preventDefault();
    join(false);
  };
  if (result?.saved) return html`<${Joined} result=${result} hub=${found?.hub || urlOf(where)} site=${found?.site || name} onDone=${onDone} />`;
  const wrong = (field) => (failure?.field === field ? failure.message : undefined);
  return html`
    <form class="card pad stack" onSubmit=${submit}>
      <p>${t('setup.how')}</p>
      <${TextArea} label=${t('setup.where')} hint=${t('setup.where.hint')} error=${wrong('join') || wrong('hub') || (byJoin && !found ? t('setup.damaged') : undefined)}
        value=${where} onValue=${setWhere} rows="3" required spellcheck=${false} autocapitalize="none" class="mono small" />
      ${found && html`<p class="found ok" role="status"><${Icon} name="ok" /><span>${t('setup.found', { site: found.site, hub: found.hub })}</span></p>`}
      ${where.trim() && !byJoin && html`
        <${Input} label=${t('site.name')} hint=${t('site.name.hint')} error=${wrong('name')} value=${name} onValue=${setName} required maxlength="100" autocomplete="off" />
        <${Authority} value=${ca} onValue=${setCA} error=${wrong('ca')} />`}
      <${Password} label=${t('site.password')} hint=${t('site.password.hint')} error=${wrong('password')} value=${password} onValue=${setPassword} required />
      <button class="primary big" disabled=${busy || !where.trim() || !password}>${t('setup.join')}</button>
    </form>
    ${busy && html`<${Checking} />`}
    ${failure && !failure.field && html`<${Failed} failure=${failure} />`}
    ${result && html`<${Refused} result=${result} hub=${found?.hub || urlOf(where)} onKeep=${() => join(true)} />`}`;
}

const notReached = (result) => result.steps.some((step) => ['unreachable', 'tls'].includes(step.problem?.code));

// useShown brings what has come into view, for whoever looks and whoever
// listens.
function useShown() {
  const box = useRef();
  useEffect(() => {
    box.current.scrollIntoView({ block: 'nearest' });
    box.current.focus({ preventScroll: true });
  }, []);
  return box;
}

function Refused({ result, hub, onKeep }) {
  const box = useShown();
  return html`
    <section class="card pad stack" ref=${box} tabindex="-1" aria-label=${t('setup.failed')}>
      <h2>${t('setup.failed')}</h2>
      <${Steps} steps=${result.steps} hub=${hub} />
      <p>${t('setup.unsaved')}</p>
      ${notReached(result) && html`<div class="stack"><p class="muted">${t('setup.keep.how')}</p><button type="button" onClick=${onKeep}>${t('setup.keep')}</button></div>`}
    </section>`;
}

function Joined({ result, hub, site, onDone }) {
  const box = useShown();
  return html`
    <section class="card pad stack" ref=${box} tabindex="-1" aria-label=${t('setup')}>
      ${result.joined
        ? html`<${Notice} kind="ok" title=${t('setup.joined', { site })} next=${t('setup.joined.next')} />`
        : html`<${Notice} kind="warn" title=${t('setup.kept')} next=${t('setup.kept.next')} />`}
      <${Steps} steps=${result.steps} hub=${hub} />
      <button type="button" class="primary big" onClick=${onDone}>${t('setup.go')}</button>
    </section>`;
}
