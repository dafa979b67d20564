// What the hub answered when it did not do something.
import { html } from '../web/view.js';
import { Notice } from '../web/parts.js';

export const Failure = ({ error, onDismiss }) => error && html`
  <${Notice} kind="bad" title=${sentence(error.message)} next=${error.next && sentence(error.next)} onDismiss=${onDismiss} />`;

// sentence begins with a capital letter and ends with a full stop, as the
// hub's messages need not.
export function sentence(text = '') {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) || !whole ? whole : `${whole}.`;
}
