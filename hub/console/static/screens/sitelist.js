// Which sites are shown, and in what order.
import { language } from '../web/text.js';

const { compare } = new Intl.Collator(language, { numeric: true });
const order = ['refused', 'held', 'offline', 'online', 'never', 'disabled'];

const by = {
  id: (a, b) => a.id - b.id,
  code: (a, b) => compare(a.code, b.code),
  name: (a, b) => compare(a.name, b.name),
  type: (a, b) => compare(a.type, b.type),
  state: (a, b) => order.indexOf(a.state) - order.indexOf(b.state) || time(a.lastSeen) - time(b.lastSeen),
  lastSync: (a, b) => time(a.lastSync) - time(b.lastSync),
  backlog: (a, b) => a.backlog - b.backlog,
  version: (a, b) => compare(a.version, b.version),
  problem: (a, b) => compare(a.problem?.code ?? '\uffff', b.problem?.code ?? '\uffff'),
};

const time = (at) => (at ? Date.parse(at) : 0);
const patience = 1000; // a list that is sorted by what changes is sorted again at most so often
const few = 2000; // below this it is not noticed

// chosen gives the sites that a filter chooses, sorted. The central site stays
// first. memory keeps the last answer between calls.
export function chosen(sites, { q, state, sort }, memory) {
  const key = `${q}\n${state}\n${sort}`;
  const now = performance.now();
  const fresh = memory.key === key && memory.size === sites.byId.size && now - memory.at < patience && sites.byId.size > few;
  if (fresh) {
    memory.later ??= setTimeout(() => {
      memory.later = undefined;
      sites.changed();
    }, patience);
    return memory.items;
  }
  const needle = q.trim().toLocaleLowerCase();
  const items = [];
  for (const site of sites.list()) {
    if (state && site.state !== state) continue;
    if (needle && !found(site, needle)) continue;
    items.push(site);
  }
  const down = sort.startsWith('-');
  const cmp = by[sort.replace(/^-/, '')] ?? by.id;
  items.sort((a, b) => central(b) - central(a) || (down ? cmp(b, a) : cmp(a, b)) || a.id - b.id);
  Object.assign(memory, { key, size: sites.byId.size, at: now, items });
  return items;
}

const central = (site) => (site.type === 'central' ? 1 : 0);

function found(site, needle) {
  return site.name.toLocaleLowerCase().includes(needle) || site.code.toLocaleLowerCase().includes(needle) || String(site.id) === needle
    || site.stores.some(({ code }) => code.toLocaleLowerCase().includes(needle));
}
