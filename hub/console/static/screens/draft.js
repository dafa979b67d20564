// The draft of a site: what a person wants of it, beside what the hub has.

// draftOf begins a draft; without a site, that of a new one.
export const draftOf = (site) => ({
  name: site?.name ?? '',
  code: site?.code ?? '',
  password: '',
  enabled: site?.enabled ?? true,
  transport: site?.transport ?? 'auto',
  maxOffline: site?.maxOffline ?? 0,
  add: [], // stores
  remove: [], // IDs of stores
});

const plain = ['name', 'code', 'enabled', 'transport', 'maxOffline'];

// editsOf gives the arguments of site.update that a draft differs by; null
// when it does not.
export function editsOf(site, draft) {
  const edits = {};
  for (const field of plain) if (draft[field] !== site[field]) edits[field] = draft[field];
  if (draft.password) edits.password = draft.password;
  if (draft.add.length) edits.addStores = draft.add.map(({ id }) => id);
  if (draft.remove.length) edits.removeStores = draft.remove;
  return Object.keys(edits).length ? edits : null;
}

// creationOf gives the arguments of site.create.
export function creationOf(draft) {
  const { name, code, password, transport, maxOffline, add } = draft;
  return { name, code, password, transport, maxOffline, stores: add.map(({ id }) => id) };
}

// carryOver brings a draft from the site it was begun on to the site as it is
// now: what the person did not touch follows the site.
export function carryOver(draft, base, now) {
  const next = { ...draft };
  for (const field of plain) if (draft[field] === base[field]) next[field] = now[field];
  const has = new Set(now.stores.map(({ id }) => id));
  next.add = draft.add.filter(({ id }) => !has.has(id));
  next.remove = draft.remove.filter((id) => has.has(id));
  return next;
}

// changesBetween lists what somebody else changed: [field, before, after].
export function changesBetween(base, now) {
  const changes = plain.filter((field) => base[field] !== now[field]).map((field) => [field, base[field], now[field]]);
  const codes = (site) => site.stores.map(({ code }) => code).sort().join(', ');
  if (codes(base) !== codes(now)) changes.push(['stores', codes(base), codes(now)]);
  if (base.hardwareId !== now.hardwareId) changes.push(['hardware', base.hardwareId, now.hardwareId]);
  return changes;
}
