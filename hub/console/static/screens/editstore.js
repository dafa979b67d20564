// Making a store, or changing what it is called.
import { html, useState } from '../web/view.js';
import { Dialog, Input } from '../web/parts.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { Failure, sentence } from '../parts/failure.js';
import { useDoing } from '../parts/busy.js';

export function EditStore({ store, onClose, onDone }) {
  const { call } = useHub();
  const [form, setForm] = useState({ code: store?.code ?? '', name: store?.name ?? '', tags: (store?.tags ?? []).join(' ') });
  const [run, busy, error] = useDoing();
  const set = (field) => (value) => setForm((old) => ({ ...old, [field]: value }));
  const wrong = (field) => (error?.field === field ? `${sentence(error.message)} ${sentence(error.next)}` : undefined);
  const save = (event) => {
    event.preventDefault();
    run(async () => {
      const tags = form.tags.split(/[\s,]+/).filter(Boolean);
      if (store) await call('store.update', { store: store.id, code: form.code, name: form.name, tags });
      else await call('store.create', { code: form.code, name: form.name, tags });
      onDone();
      onClose();
    });
  };
  return html`
    <${Dialog} title=${t(store ? 'stores.edit' : 'stores.new')} onClose=${onClose} actions=${html`
      <button type="button" onClick=${onClose}>${t('cancel')}</button>
      <button type="submit" form="editstore" class="primary" disabled=${busy || !form.code}>${t('ok')}</button>`}>
      <form id="editstore" class="stack" onSubmit=${save}>
        ${!store && html`<p class="muted">${t('stores.new.about')}</p>`}
        <${Input} label=${t('stores.code')} value=${form.code} onValue=${set('code')} error=${wrong('code')} maxlength="40" required autofocus hint=${t(store ? 'stores.code.change' : 'stores.code.about')} />
        <${Input} label=${t('stores.name')} value=${form.name} onValue=${set('name')} error=${wrong('name')} />
        <${Input} label=${t('stores.tags')} value=${form.tags} onValue=${set('tags')} error=${wrong('tags')} hint=${t('stores.tags.about')} />
        ${error && !['code', 'name', 'tags'].includes(error.field) && html`<${Failure} error=${error} />`}
      </form>
    </>`;
}
