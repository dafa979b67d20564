// The agent's page.
import { html, render } from './web/view.js';
import { learn } from './web/text.js';
import { Whole } from './web/parts.js';
import { takeCode } from './agent/session.js';

const code = takeCode(); // before anything else: it is not to stay in the address
await learn((language) => import(`./text/${language}.js`));
const { App } = await import('./app.js'); // its modules ask for texts as they load
render(html`<${Whole}><${App} code=${code} /></>`, document.getElementById('app'));
