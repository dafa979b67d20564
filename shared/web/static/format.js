// Numbers, sizes and times as people read them.
import { language, t } from './text.js';

const cached = (make) => {
  let made;
  return () => (made ??= make());
};
const decimals = [0, 1].map((digits) => cached(() => new Intl.NumberFormat(language, { maximumFractionDigits: digits })));
const percents = cached(() => new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }));
const relatives = cached(() => new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' }));
const clocks = cached(() => new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' }));
const dates = cached(() => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }));
const zoned = cached(() => new Intl.DateTimeFormat(language, {
  year: 'numeric', month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
}));

export const count = (n) => decimals[0]().format(n);
export const decimal = (n) => decimals[Math.abs(n) < 10 ? 1 : 0]().format(n);
export const percent = (share) => percents().format(share);

const sizes = ['unit.B', 'unit.KB', 'unit.MB', 'unit.GB', 'unit.TB'];

// size writes bytes in units of 1024.
export function size(bytes) {
  let unit = 0;
  for (; Math.abs(bytes) >= 1024 && unit < sizes.length - 1; unit++) bytes /= 1024;
  return `${unit ? decimal(bytes) : count(bytes)}\u00a0${t(sizes[unit])}`;
}

// clock is the time of a day, date a day with its time, full both with the
// zone; all local.
export const clock = (at) => clocks().format(new Date(at));
export const date = (at) => dates().format(new Date(at));
export const full = (at) => zoned().format(new Date(at));

const steps = [['second', 1], ['minute', 60], ['hour', 3600], ['day', 86400], ['month', 30 * 86400], ['year', 365 * 86400]];

// parts gives the largest fitting unit of some seconds.
function parts(seconds) {
  let best = steps[0];
  for (const step of steps) if (Math.abs(seconds) >= step[1]) best = step;
  return [Math.trunc(seconds / best[1]), best[0]];
}

// ago writes a time beside now, both of milliseconds or RFC 3339.
export function ago(at, now = Date.now()) {
  const seconds = (new Date(at) - new Date(now)) / 1000;
  return Math.abs(seconds) < 10 ? t('now') : relatives().format(...parts(seconds));
}

// lasting writes a length of time in its largest unit.
export function lasting(seconds) {
  const [n, unit] = parts(seconds);
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(n);
}
