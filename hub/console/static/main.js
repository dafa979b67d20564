// The hub console.
import { html, render } from './web/view.js';
import { learn } from './web/text.js';
import { Whole } from './web/parts.js';

await learn((language) => import(`./text/${language}.js`));
const { App } = await import('./app.js'); // its modules ask for texts as they load
render(html`<${Whole}><${App} /></>`, document.getElementById('app'));
