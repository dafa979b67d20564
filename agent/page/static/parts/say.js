// What is said of problems and failures.
import { html, useLayoutEffect, useRef } from '../web/view.js';
import { Notice } from '../web/parts.js';
import { t, told } from '../web/text.js';

// sentence makes a whole sentence of what programs say.
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, '')}.` : '');

// What is wrong, and what to do, in a person's own language as far as there are
// words for it.
const ofProblem = (code) => (told(`problem.${code}`) ? t(`problem.${code}`) : '');
const ofError = (code) => (told(`error.${code}`) ? t(`error.${code}`) : '');

// Problem shows what keeps the agent from syncing, or a store.
export function Problem({ problem, kind = 'warn', children }) {
  const title = ofProblem(problem.code);
  const [said, next] = [sentence(problem.message), sentence(problem.next)];
  return html`
    <${Notice} kind=${kind} title=${title || said} next=${ofProblem(`${problem.code}.next`) || next}>
      ${title && html`<details class="small"><summary>${t('detail')}</summary><p lang="en">${said} ${next}</p></details>`}
      ${children}
    </>`;
}

// Failed shows that a call did not succeed.
export function Failed({ failure, onDismiss }) {
  const title = ofError(failure.code);
  const said = sentence(failure.message);
  return html`
    <${Notice} kind="bad" title=${title || said} next=${ofError(`${failure.code}.next`) || sentence(failure.next)} onDismiss=${onDismiss}>
      ${title && html`<p class="small" lang="en">${said}</p>`}
    </>`;
}

export const Loading = () => html`<p class="pad muted" role="status">${t('loading')}</p>`;

// Title is the heading of a screen. It takes the focus when the screen comes, so
// that a screen reader begins there; on a calm one a field does.
export function Title({ children, hidden, calm }) {
  const heading = useRef();
  useLayoutEffect(() => { if (!calm) heading.current.focus({ preventScroll: true }); }, []);
  return html`<h1 ref=${heading} tabindex="-1" class=${hidden ? 'hidden' : ''}>${children}</h1>`;
}

// grouped writes a hardware ID as people read it out.
export const grouped = (id) => (id.match(/.{1,4}/g) || []).join('-');
