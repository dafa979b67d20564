// The details of a site that an administrator gives it.
import { html } from '../web/view.js';
import { Check, Input, Select } from '../web/parts.js';
import { lasting } from '../web/format.js';
import { t } from '../web/text.js';
import { sentence } from '../parts/failure.js';

const transports = ['auto', 'tls', 'wss', 'tcp'];
const hour = 3600;
const lengths = [0, 6 * hour, 12 * hour, 24 * hour, 3 * 24 * hour, 7 * 24 * hour, 14 * 24 * hour, 30 * 24 * hour];

export const lastingOf = (seconds) => (seconds ? lasting(seconds) : t('details.maxOffline.any'));

export function Details({ site, draft, set, error, readonly }) {
  const wrong = (field) => (error?.field === field ? `${sentence(error.message)} ${sentence(error.next)}` : undefined);
  const times = lengths.includes(draft.maxOffline) ? lengths : [...lengths, draft.maxOffline].sort((a, b) => a - b);
  const central = site?.activeHere;
  return html`
    <section class="card pad stack" aria-labelledby="details">
      <h2 id="details">${t('details')}</h2>
      <fieldset class="form" disabled=${readonly}>
        ${site && html`<${Input} label=${t('details.id')} value=${site.id} readonly hint=${t('details.id.about')} />`}
        <${Input} label=${t('details.code')} value=${draft.code} onValue=${(code) => set({ code })} error=${wrong('code')} maxlength="100" hint=${t('details.code.about')} />
        <${Input} label=${t('details.name')} value=${draft.name} onValue=${(name) => set({ name })} error=${wrong('name')} maxlength="100" required hint=${t('details.name.about')} />
        ${!central && html`<${Input} label=${t('details.password')} type="password" value=${draft.password} onValue=${(password) => set({ password })} error=${wrong('password')} autocomplete="new-password"
          placeholder=${site ? t('details.password.kept') : ''} required=${!site} hint=${t(site ? 'details.password.about' : 'details.password.new')} />`}
        ${!central && html`<${Select} label=${t('details.transport')} value=${draft.transport} onValue=${(transport) => set({ transport })} error=${wrong('transport')}
          options=${transports.map((value) => [value, t(`transport.${value}`)])} />`}
        ${!central && html`<${Select} label=${t('details.maxOffline')} value=${String(draft.maxOffline)} onValue=${(value) => set({ maxOffline: Number(value) })} error=${wrong('maxOffline')}
          options=${times.map((value) => [String(value), lastingOf(value)])} hint=${t('details.maxOffline.about')} />`}
        ${site && !central && html`<${Check} label=${t('details.enabled')} checked=${draft.enabled} onValue=${(enabled) => set({ enabled })} hint=${t('details.enabled.about')} />`}
      </fieldset>
    </section>`;
}
