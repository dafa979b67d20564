import { useNow } from '../web/parts.js';
import { lasting } from '../web/format.js';
import { t } from '../web/text.js';

// Left says how long something still takes, as roughly as it is known.
export function Left({ eta }) {
  const now = useNow(1000);
  if (!eta) return null;
  const seconds = (new Date(eta) - now) / 1000;
  if (seconds < 10) return t('left.soon');
  return t('left', { time: lasting(seconds < 60 ? Math.ceil(seconds / 10) * 10 : seconds + 30) });
}
