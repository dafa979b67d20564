// The device: its hardware ID, by which the hub knows it.
import { html, useState } from '../web/view.js';
import { t, told } from '../web/text.js';
import { grouped } from './say.js';

function Copy({ text, label }) {
  const [copied, setCopied] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(t('copied'));
    } catch {
      setCopied(t('copied.not')); // a browser that does not let pages copy
    }
  };
  return html`<span class="row"><button type="button" class="small" aria-label=${label} onClick=${copy}>${t('copy')}</button><span class="muted small" role="status">${copied}</span></span>`;
}

export const Device = ({ site }) => html`
  <section class="card pad stack" aria-labelledby="device">
    <h2 id="device">${t('device')}</h2>
    <dl class="facts">
      <dt>${t('hardware')}</dt>
      <dd><p class="mono id">${grouped(site.hardwareId)}</p> <${Copy} text=${grouped(site.hardwareId)} label=${t('hardware.copy')} />
        <p class="muted small">${t('hardware.what')}</p>
        ${site.testHardware && html`<p class="small">${t('hardware.test')}</p>`}</dd>
      <dt>${t('device.type')}</dt><dd>${told(`type.${site.type}`) ? t(`type.${site.type}`) : site.type}</dd>
      <dt>${t('device.platform')}</dt><dd>${site.platform}</dd>
      <dt>${t('device.version')}</dt><dd>${site.version}</dd>
    </dl>
  </section>`;
