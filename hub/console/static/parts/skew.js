// A device's clock beside the hub's, in words.
import { count } from '../web/format.js';
import { t } from '../web/text.js';

export function skew(milliseconds) {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  if (seconds < 2) return t('clock.right');
  return t(milliseconds > 0 ? 'clock.ahead' : 'clock.behind', { time: t('seconds', { n: seconds, count: count(seconds) }) });
}
