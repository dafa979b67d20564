// The session with the agent. Its token lives in this tab's storage and goes
// into a header that only this page sets: there is no cookie, which a browser
// would send along for any page. A browser that stays signed in keeps a token
// of its own, which may look and sync and no more.
const place = 'sitesync.session';

const read = (storage) => JSON.parse(storage.getItem(place) || 'null');

export const session = () => read(sessionStorage) || read(localStorage);
export const kept = () => read(localStorage);
export const keep = (entered) => sessionStorage.setItem(place, JSON.stringify(entered));
export const stay = (entered) => localStorage.setItem(place, JSON.stringify(entered));

// forget forgets what session gives: that of the tab before that of the browser.
export const forget = () => (read(sessionStorage) ? sessionStorage : localStorage).removeItem(place);

const isCode = () => /^#[0-9A-Za-z]{4}-[0-9A-Za-z]{4}$/.test(location.hash);

// takeCode takes a one-time code out of the address, and out of the history. A
// page that is open already begins anew when one comes.
export function takeCode() {
  addEventListener('hashchange', () => isCode() && location.reload());
  const code = isCode() ? location.hash.slice(1) : '';
  if (code) history.replaceState(null, '', location.pathname);
  return code;
}
