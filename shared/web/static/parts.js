// What pages are put together from.
import { html, useEffect, useErrorBoundary, useId, useLayoutEffect, useRef, useState } from './view.js';
import { Icon } from './icons.js';
import { ago, full } from './format.js';
import { t } from './text.js';

// Badge tells a state by text, shape and colour. Kinds: ok, warn, bad, off,
// none, busy, info.
export const Badge = ({ kind, children, title }) => html`
  <span class="badge ${kind}" title=${title}><${Icon} name=${kind} />${children}</span>`;

// Notice is a message that stays: what happened, and what to do next.
export const Notice = ({ kind = 'info', title, next, children, onDismiss }) => html`
  <div class="notice ${kind}" role=${kind === 'bad' ? 'alert' : 'status'}>
    <${Icon} name=${kind} />
    <div class="grow">
      ${title && html`<p class="strong">${title}</p>`}
      ${next && html`<p class="muted">${next}</p>`}
      ${children}
    </div>
    ${onDismiss && html`<button type="button" class="quiet icononly" aria-label=${t('dismiss')} onClick=${onDismiss}><${Icon} name="remove" /></button>`}
  </div>`;

// Empty stands where a list would be.
export const Empty = ({ icon = 'none', title, children }) => html`
  <div class="empty"><${Icon} name=${icon} /><p class="strong">${title}</p>${children && html`<div class="muted">${children}</div>`}</div>`;

// Progress from 0 to 1; without value, one whose end is not known.
export const Progress = ({ value, label }) => html`<progress class="progress" max="1" value=${value} aria-label=${label}></progress>`;

// Dialog is modal, and closes by Escape. Its actions stand at its foot.
export function Dialog({ title, onClose, actions, wide, children }) {
  const box = useRef();
  const name = useId();
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    const [heading, close] = dialog.querySelectorAll('header > *');
    if (document.activeElement === close) heading.focus(); // what it is about comes before how to leave it
    return () => dialog.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${box} class=${wide ? 'wide' : ''} aria-labelledby=${name} onCancel=${cancel}>
      <header><h2 id=${name} tabindex="-1">${title}</h2>
        <button type="button" class="quiet icononly" aria-label=${t('close')} onClick=${onClose}><${Icon} name="remove" /></button></header>
      <div class="body">${children}</div>
      ${actions && html`<footer>${actions}</footer>`}
    </dialog>`;
}

// Field names a control, and says what it is for and what is wrong with it.
// The control is made by children(attributes).
export function Field({ label, hint, error, children }) {
  const id = useId();
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined;
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${children({ id, 'aria-describedby': about, 'aria-invalid': error ? 'true' : undefined })}
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${error && html`<p class="error" id=${`${id}-error`} role="alert"><${Icon} name="bad" /> ${error}</p>`}
    </div>`;
}

// Input is a field of one line; onValue hears its text.
export const Input = ({ label, hint, error, onValue, type = 'text', ...rest }) => html`
  <${Field} label=${label} hint=${hint} error=${error}>${(attributes) => html`
    <input type=${type} ...${attributes} ...${rest} onInput=${(event) => onValue?.(event.target.value)} />`}</>`;

// TextArea is a field of several lines.
export const TextArea = ({ label, hint, error, onValue, value, ...rest }) => html`
  <${Field} label=${label} hint=${hint} error=${error}>${(attributes) => html`
    <textarea ...${attributes} ...${rest} value=${value} onInput=${(event) => onValue?.(event.target.value)}></textarea>`}</>`;

// Select chooses one of options: [value, text].
export const Select = ({ label, hint, error, onValue, options, value, ...rest }) => html`
  <${Field} label=${label} hint=${hint} error=${error}>${(attributes) => html`
    <select ...${attributes} ...${rest} onChange=${(event) => onValue?.(event.target.value)}>
      ${options.map(([option, text]) => html`<option key=${option} value=${option} selected=${option === value}>${text}</option>`)}
    </select>`}</>`;

// Check is a box to tick.
export function Check({ label, hint, onValue, ...rest }) {
  const id = useId();
  return html`
    <div class="field check">
      <input type="checkbox" id=${id} aria-describedby=${hint ? `${id}-hint` : undefined} ...${rest} onChange=${(event) => onValue?.(event.target.checked)} />
      <label for=${id}>${label}</label>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    </div>`;
}

// useNow gives the time, and draws anew as it goes on.
export function useNow(milliseconds = 10000) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}

// Ago is a time beside now; the whole time with its zone shows on pointing.
export function Ago({ at }) {
  const now = useNow();
  return html`<time datetime=${new Date(at).toISOString()} title=${full(at)}>${ago(at, Math.max(now, new Date(at)))}</time>`;
}

// Whole shows what failed in place of a page that cannot be drawn.
export function Whole({ children }) {
  const [error] = useErrorBoundary((thrown) => console.error(thrown));
  return error ? html`<${Failed} error=${error} />` : children;
}

export const Failed = ({ error }) => html`
  <main class="pad"><${Notice} kind="bad" title=${t('failed')} next=${t('failed.next')}>
    <pre>${String(error.stack || error)}</pre>
    <div class="row"><button type="button" onClick=${() => location.reload()}>${t('reload')}</button></div>
  </></main>`;
