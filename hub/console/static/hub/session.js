// Who is signed in, and how the page remembers it.
//
// By itself a sign-in lives in this tab's memory alone. With "keep me signed
// in" the page has the hub make a token of its own, with the person's role, and
// keeps that in this browser; the password is never kept.
import { Link } from './link.js';

const key = 'sitesync.console.token';
const keepFor = 30 * 86400; // seconds

function kept() {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

// resume signs in with what this browser keeps; null where it keeps nothing,
// or the hub no longer takes it.
export async function resume() {
  const credentials = kept();
  if (!credentials) return null;
  try {
    return await begin(credentials);
  } catch (error) {
    if (error.code === 'refused') localStorage.removeItem(key);
    throw error;
  }
}

// signIn signs in with a name and a password or token. notKept says that the
// sign-in could not be kept, although it was asked for.
export async function signIn(credentials, keep) {
  const session = await begin(credentials);
  if (keep) session.notKept = !(await keepToken(session));
  return session;
}

async function begin(credentials) {
  const link = new Link(credentials);
  await link.open();
  const { user } = await link.call('user.me');
  return { link, user, edits: user.role === 'admin' };
}

// keepToken keeps a token: one that was typed in, or a new one. Only
// administrators can have one made.
async function keepToken({ link, user, edits }) {
  let credentials = link.credentials;
  if (credentials.kind === 'user') {
    if (!edits) return false;
    const name = `console.${user.name.slice(0, 40)}.${Date.now().toString(36)}`;
    const expires = new Date(Date.now() + keepFor * 1000).toISOString();
    const made = await link.call('token.create', { name, role: user.role, expires });
    credentials = { kind: 'token', name, password: made.token, made: true };
  }
  localStorage.setItem(key, JSON.stringify(credentials));
  return true;
}

// signOut forgets all; a token that this page had made for itself is revoked.
export async function signOut({ link }) {
  const credentials = kept();
  localStorage.removeItem(key);
  if (credentials?.made && link.state === 'online') {
    await link.call('token.revoke', { name: credentials.name }).catch(() => {}); // it expires by itself
  }
  link.close();
}
