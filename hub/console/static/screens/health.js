// How the hub is.
import { html } from '../web/view.js';
import { count, decimal, lasting, size } from '../web/format.js';
import { t } from '../web/text.js';
import { useHub } from '../hub/hub.js';
import { useSignal } from '../hub/signal.js';
import { Chart } from '../parts/chart.js';
import { Failure } from '../parts/failure.js';

const milliseconds = (n) => `${decimal(n)} ms`;
const perSecond = (n) => t('perSecond', { size: decimal(n) });
const bytesPerSecond = (n) => t('perSecond', { size: size(n) });

// charts: what each shows, how it is written, and its lines.
const charts = [
  { id: 'connections', counts: true, write: count, lines: [['devices', (s) => s.connections.devices], ['persons', (s) => s.connections.persons]] },
  { id: 'backlog', counts: true, write: count, lines: [['backlog', (s) => s.backlog]] },
  { id: 'push', write: perSecond, lines: [['pushed', (s) => s.rates.pushed], ['quarantined', (s) => s.rates.quarantined]] },
  { id: 'feed', write: perSecond, lines: [['fed', (s) => s.rates.fed]] },
  { id: 'bytes', write: bytesPerSecond, lines: [['in', (s) => s.rates.bytesIn], ['out', (s) => s.rates.bytesOut]] },
  { id: 'commit', write: milliseconds, lines: [['median', (s) => s.database.commitMs], ['p99', (s) => s.database.commitMs99]] },
  { id: 'size', write: size, lines: [['database', (s) => s.database.bytes]] },
];

export function Health() {
  const { history } = useHub();
  const { now, samples, error } = useSignal(history);
  return html`
    <div class="screen stack">
      <div class="title"><h1 class="grow">${t('screen.health')}</h1>${now && html`<span class="muted">${t('health.version', { version: now.version, uptime: lasting(now.uptime) })}</span>`}</div>
      <${Failure} error=${error} />
      ${now && html`
        <dl class="tiles">
          ${tile('devices', count(now.connections.devices))}${tile('sites', count(now.sites.total))}${tile('stores', count(now.stores.total))}
          ${tile('handovers', count(now.handovers))}${tile('quarantine', count(now.quarantine))}${tile('backlog', count(now.backlog))}
          ${tile('database', size(now.database.bytes))}${now.database.diskFree > 0 && tile('disk', size(now.database.diskFree))}
        </dl>
        <div class="charts">${charts.map((chart) => html`
          <figure class="card pad stack" key=${chart.id}><figcaption class="strong">${t(`health.${chart.id}`)}</figcaption>
            <${Chart} samples=${samples} write=${chart.write} counts=${chart.counts} label=${t(`health.${chart.id}`)} lines=${chart.lines.map(([name, of]) => ({ name: t(`health.line.${name}`), of }))} /></figure>`)}</div>
        <p class="muted small">${t('health.since')}</p>`}
    </div>`;
}

const tile = (id, value) => html`<div class="card pad"><dt class="muted small">${t(`health.tile.${id}`)}</dt><dd>${value}</dd></div>`;
