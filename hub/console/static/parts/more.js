// The next page of a list.
import { html } from '../web/view.js';
import { t } from '../web/text.js';

export const More = ({ more }) => more && html`<div class="more"><button type="button" onClick=${more}>${t('more')}</button></div>`;
