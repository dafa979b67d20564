// The session with the agent. Its token lives in this tab's storage and goes
// into a header that only this page sets: there is no cookie, which a browser
// would send along for any page.
const place = 'sitesync.session';

export const session = () => JSON.parse(sessionStorage.getItem(place) || 'null');
export const keep = (entered) => sessionStorage.setItem(place, JSON.stringify(entered));
export const forget = () => sessionStorage.removeItem(place);

const isCode = () => /^#[0-9A-Za-z]{4}-[0-9A-Za-z]{4}$/.test(location.hash);

// takeCode takes a one-time code out of the address, and out of the history. A
// page that is open already begins anew when one comes.
export function takeCode() {
  addEventListener('hashchange', () => isCode() && location.reload());
  const code = isCode() ? location.hash.slice(1) : '';
  if (code) history.replaceState(null, '', location.pathname);
  return code;
}
