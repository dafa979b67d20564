// What needs a person: found in what the page knows of sites, handovers and
// quarantine. Each kind of trouble has an action beside it.
import { to } from '../hub/route.js';

const day = 86400000;
export const silence = 3 * day; // without a word, where the site has no limit of its own
const patience = 3600000; // of a move
const moment = 10000; // that a site may be away while it is to send or to take
const skew = 120000; // milliseconds of a clock
const room = 200 << 20; // bytes of a disk

// kinds, the most urgent first. Each picks its sites; a site is named once, by
// the first kind that has it.
const kinds = [
  { id: 'held', level: 'bad', picks: (s) => s.state === 'held' || s.problem?.code === 'diverged' },
  { id: 'rejected', level: 'bad', picks: (s) => s.state === 'refused' || strangers.has(s.problem?.code) },
  { id: 'disk', level: 'bad', picks: (s) => s.problem?.code === 'disk_full' || (s.diskFree > 0 && s.diskFree < room) },
  { id: 'silent', level: 'warn', picks: (s, now) => s.state === 'offline' && s.lastSeen && now - Date.parse(s.lastSeen) > limit(s) },
  { id: 'clock', level: 'warn', picks: (s) => s.problem?.code === 'clock' || Math.abs(s.clockSkewMs) > skew },
  { id: 'problem', level: 'warn', picks: (s) => s.problem && s.problem.code !== 'quarantined' && s.problem.code !== 'disabled' },
  { id: 'old', level: 'info', picks: (s, now, hub) => hub && s.version && older(s.version, hub) },
];

const strangers = new Set(['bad_credentials', 'hardware_mismatch', 'hardware_reset', 'replaced', 'site_renamed', 'password_changed']);
const limit = (site) => (site.maxOffline ? site.maxOffline * 500 : silence); // half of what it may

// troubles gives the kinds of trouble that there are, each with its entries.
export function troubles({ sites, moves, quarantine, version, now = Date.now() }) {
  const found = new Map(kinds.map(({ id }) => [id, []]));
  for (const site of sites) {
    if (site.type === 'central' || site.state === 'disabled') continue;
    const kind = kinds.find(({ picks }) => picks(site, now, version));
    if (kind) found.get(kind.id).push({ key: site.id, site, href: to('sites', String(site.id)) });
  }
  const byId = new Map(moves.length ? [...sites].map((site) => [site.id, site]) : []);
  const stuck = moves.filter((h) => isStuck(h, byId, now)).map((handover) => ({ key: `h${handover.id}`, handover, href: to('handovers', '', { state: handover.state }) }));
  return [
    ...kinds.slice(0, 3).map(listed),
    { id: 'stuck', level: 'warn', entries: stuck },
    { id: 'quarantine', level: 'warn', entries: quarantine.map(asEntry) },
    ...kinds.slice(3).map(listed),
  ].filter(({ entries }) => entries.length > 0);

  function listed({ id, level }) {
    return { id, level, entries: found.get(id) };
  }
}

const asEntry = ({ site, from, state, n }) => ({ key: `q${site}`, from, n, href: to('quarantine', '', { state, site: String(site) }) });

// isStuck says whether a move goes on only if somebody does something: the
// site that is to send or to take is away, or it takes long.
function isStuck(h, byId, now) {
  const waitsFor = byId.get(h.state === 'draining' ? h.from : h.to);
  const age = now - Date.parse(h.started);
  if (waitsFor?.state === 'never') return false; // it will come with its first device
  return age > patience || (age > moment && waitsFor && waitsFor.state !== 'online');
}

// older compares versions of the form v1.2.3; others are never older.
export function older(version, than) {
  const [a, b] = [version, than].map((text) => /^v?(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number));
  if (!a || !b) return false;
  const i = a.findIndex((n, at) => n !== b[at]);
  return i >= 0 && a[i] < b[i];
}
