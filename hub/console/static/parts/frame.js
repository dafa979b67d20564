// The frame around every screen: where one can go, who one is, and whether the
// hub is there.
import { html, useEffect, useState } from '../web/view.js';
import { Badge, Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { useRoute } from '../hub/route.js';
import { screens } from '../screens/all.js';
import { Mark } from './mark.js';

export function useLink() {
  const { link } = useHub();
  const [state, setState] = useState(link.state);
  useEffect(() => {
    setState(link.state);
    return link.watch(setState);
  }, [link]);
  return state;
}

export function Frame({ onLeave }) {
  const { user, sites, notKept } = useHub();
  const [told, setTold] = useState(!notKept);
  const route = useRoute();
  const screen = screens.find(({ id }) => id === route.screen) ?? screens[0];
  const state = useLink();
  useEffect(() => {
    document.title = `${t(`screen.${screen.id}`)} · sitesync`;
  }, [screen]);
  return html`
    <a class="skip" href="#content" onClick=${skip}>${t('skip')}</a>
    <div class="frame">
      <header class="side">
        <div class="row brand"><${Mark} /><span class="strong grow">sitesync</span></div>
        <nav aria-label=${t('screens')}>
          ${screens.filter(({ hidden }) => !hidden).map(({ id, Count }) => html`
            <a key=${id} href=${`#/${id}`} aria-current=${id === screen.id ? 'page' : undefined}>
              <span class="grow">${t(`screen.${id}`)}</span>${Count && html`<${Count} />`}
            </a>`)}
        </nav>
        <div class="me stack">
          <${LinkState} state=${state} />
          <div class="row"><span class="grow clip" title=${user.name}>${user.name}<br /><span class="muted small">${t(`role.${user.role}`)}</span></span>
            <button type="button" class="quiet small" onClick=${onLeave}>${t('signOut')}</button></div>
        </div>
      </header>
      <main id="content" tabindex="-1" key=${`${screen.id}/${route.part}`}>
        ${state === 'offline' && html`<div class="banner"><${Notice} kind="warn" title=${t('link.lost')} next=${t('link.lost.next')} /></div>`}
        ${!told && html`<div class="banner"><${Notice} title=${t('notKept')} next=${t('notKept.next')} onDismiss=${() => setTold(true)} /></div>`}
        <${Troubled} signal=${sites} />
        <${screen.Screen} part=${route.part} query=${route.query} />
      </main>
    </div>`;
}

const LinkState = ({ state }) => html`
  <div role="status"><${Badge} kind=${state === 'online' ? 'ok' : 'warn'}>${t(state === 'online' ? 'link.online' : 'link.offline')}</></div>`;

// Troubled says when the list of sites could not be read.
function Troubled({ signal }) {
  const { error } = useSignal(signal);
  return error && html`<div class="banner"><${Notice} kind="bad" title=${error.message} next=${error.next} /></div>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById('content').focus();
}
