// The frame around the screens: which site this is, where one can go, and
// whether the agent answers.
import { html, useEffect, useState } from '../web/view.js';
import { Ago, Notice } from '../web/parts.js';
import { t } from '../web/text.js';
import { useAgent } from '../agent/live.js';
import { Home } from '../screens/home.js';
import { SetUp } from '../screens/setup.js';
import { Site } from '../screens/site.js';
import { Loading, Title } from './say.js';

const screens = { home: Home, site: Site };

// useRoute gives the screen that the address names.
function useRoute() {
  const read = () => (location.hash === '#/site' ? 'site' : 'home');
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const moved = () => setRoute(read());
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  return route;
}

const Lost = ({ since }) => html`
  <${Notice} kind="bad" title=${t('lost')} next=${t('lost.next')}><p class="small">${t('lost.since')} <${Ago} at=${since} /></p></>`;

const Place = ({ to, now, children }) => html`<a href=${`#/${to}`} aria-current=${now ? 'page' : undefined}>${children}</a>`;

export function Frame({ admin, onLeave }) {
  const [hurry, setHurry] = useState(false);
  const agent = useAgent(hurry);
  const [settling, setSettling] = useState(false); // set-up goes on to its last step
  const route = useRoute();
  const { status, lost } = agent;
  if (!status) return lost ? html`<main class="page"><${Title} hidden>${t('title')}</><${Lost} since=${lost} /></main>` : html`<${Loading} />`;
  if (status.link === 'unjoined' || settling) {
    return html`<${SetUp} agent=${agent} admin=${admin} lost=${lost > 0 && html`<${Lost} since=${lost} />`}
      onBegun=${() => setSettling(true)} onDone=${() => setSettling(false)} onLeave=${onLeave} />`;
  }
  const Screen = screens[route];
  return html`
    <header class="top">
      <div class="bar">
        <p class="who"><span class="strong clip">${status.site.name}</span>${status.site.code && status.site.code !== status.site.name && html`<span class="muted code">${status.site.code}</span>`}</p>
        <nav aria-label=${t('nav')}>
          <${Place} to="home" now=${route === 'home'}>${t('nav.home')}</>
          <${Place} to="site" now=${route === 'site'}>${t('nav.site')}</>
        </nav>
      </div>
    </header>
    <main class="page">
      ${lost > 0 && html`<${Lost} since=${lost} />`}
      <div class=${lost ? 'stale' : ''}><${Screen} key=${route} agent=${agent} admin=${admin} onHurry=${setHurry} onLeave=${onLeave} /></div>
    </main>`;
}
