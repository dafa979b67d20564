// Join strings, as the hub's operator hands them out: sitesync1: and base64url
// of JSON. The agent reads them for good; the page only shows what is in one.

const plain = (text) => text.replace(/[\s\u200b-\u200f\u2060\ufeff]/g, '').replace(/^["'`<“”‘’«»]+|["'`>“”‘’«»]+$/g, '');

// isJoin says whether a text is meant to be a join string.
export const isJoin = (text) => /^sitesync\d*:/i.test(plain(text));

// joinOf gives {site, hub} of a join string, or null when it is damaged.
export function joinOf(text) {
  try {
    const body = plain(text).replace(/^sitesync1:/i, '').replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '');
    const bytes = Uint8Array.from(atob(body), (c) => c.charCodeAt(0));
    const { s: site, u: [hub] } = JSON.parse(new TextDecoder().decode(bytes));
    return site && hub ? { site, hub } : null;
  } catch {
    return null;
  }
}

// urlOf completes an address that was typed without what begins it.
export const urlOf = (text) => (text.includes('://') || !text.trim() ? text.trim() : `mqtts://${text.trim()}`);
