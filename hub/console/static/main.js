// The hub console.
import { html, render } from './web/view.js';
import { learn } from './web/text.js';
import { Failed, Whole } from './web/parts.js';

const place = document.getElementById('app');
try {
  await learn((language) => import(`./text/${language}.js`));
  const { App } = await import('./app.js'); // its modules ask for texts as they load
  render(html`<${Whole}><${App} /></>`, place);
} catch (error) {
  console.error(error);
  render(html`<${Failed} error=${error} />`, place);
}
