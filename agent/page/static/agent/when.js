// Times as people at a facility say them: to the minute, and of today without
// the date.
import { ago } from '../web/format.js';
import { language, t } from '../web/text.js';

const time = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });

// moment is "14:05" of today, else "12 Mar 2026, 14:05".
export function moment(at, now = new Date()) {
  const when = new Date(at);
  return when.toDateString() === new Date(now).toDateString() ? time.format(when) : day.format(when);
}

// momentAgo adds how long ago that is.
export const momentAgo = (at, now = Date.now()) => t('when', { at: moment(at, now), ago: ago(at, Math.max(now, new Date(at))) });
