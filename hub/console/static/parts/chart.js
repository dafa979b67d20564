// A line chart of values over time, by uPlot, which is loaded when the first
// chart is shown. The newest values stand beside it in words.
import { html, useEffect, useRef } from '../web/view.js';
import { clock } from '../web/format.js';

const height = 150;
const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6];
const colours = ['--accent', '--warn'];

let library;
const load = () => {
  library ??= import('../vendor/uplot/uplot.js').then(({ default: uPlot }) => uPlot);
  return library;
};

// With counts the scale has no fractions.
export function Chart({ samples, lines, write, label, counts }) {
  const box = useRef();
  const plot = useRef();
  const data = [samples.map(({ time }) => time), ...lines.map(({ of }) => samples.map(of))];
  const newest = useRef();
  newest.current = data;

  useEffect(() => {
    let gone = false;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const draw = async () => {
      const uPlot = await load();
      if (gone) return;
      plot.current?.destroy();
      plot.current = new uPlot(options(box.current, { lines, write, counts }), newest.current, box.current);
    };
    draw();
    dark.addEventListener('change', draw);
    const watcher = new ResizeObserver(() => box.current && plot.current?.setSize({ width: box.current.clientWidth, height })); // its last word may come when the chart has gone
    watcher.observe(box.current);
    return () => {
      gone = true;
      dark.removeEventListener('change', draw);
      watcher.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [samples.length, samples.at(-1)?.time]);

  const last = samples.at(-1);
  return html`
    <p class="legend row">${lines.map(({ name, of }, i) => html`<span key=${name} class=${`key key${i}`}>${name} <span class="strong">${last ? write(of(last)) : ''}</span></span>`)}</p>
    <div ref=${box} class="chart" role="img" aria-label=${label}></div>`;
}

function options(box, { lines, write, counts }) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: `11px ${style.getPropertyValue('--sans')}` };
  return {
    width: box.clientWidth, height, legend: { show: false }, cursor: { show: false }, padding: [6, 26, 0, 0],
    scales: { y: { range: (u, low, high) => [0, Math.max(high * 1.1, counts ? 4 : 1)] } },
    axes: [
      { ...axis, size: 26, space: 70, values: (u, times) => times.map((time) => clock(time * 1000)) },
      { ...axis, size: 74, space: 32, incrs: counts ? whole : undefined, values: (u, values) => values.map(write) },
    ],
    series: [{}, ...lines.map(({ name }, i) => ({ label: name, stroke: colour(colours[i]), width: 1.75, dash: i ? [5, 4] : undefined, points: { show: false } }))],
  };
}
