// Calls of the local API.
import { t } from '../web/text.js';
import { forget, keep, kept, session, stay } from './session.js';

// Failure is what the API answered in place of a result, or that it did not
// answer at all (code lost).
export class Failure extends Error {
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { code: problem.code, next: problem.next, field: problem.field });
  }
}

const lost = () => new Failure({ code: 'lost', detail: t('lost'), next: t('lost.next') });

let signedOut = () => {};

// onSignedOut says whom to tell when the session is over.
export const onSignedOut = (tell) => { signedOut = tell; };

async function request(method, path, body, patience, entered) {
  const headers = {};
  if (entered) headers.Authorization = `Bearer ${entered.token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    const response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(patience),
    });
    return { ok: response.ok, status: response.status, value: await response.json() };
  } catch {
    throw lost(); // not reached, cut off, or something else answers there
  }
}

const usual = 6000; // milliseconds: the agent is on this device
const long = 120000; // a check goes through many steps, each with its own patience

// call makes a request and gives what it answered.
export async function call(method, path, body, patience = usual) {
  const entered = session();
  const { ok, status, value } = await request(method, path, body, patience, entered);
  if (ok) return value;
  if (status === 401 && path !== '/v1/session') {
    if (entered?.token === session()?.token) forget(); // another call may have seen it before
    signedOut();
  }
  throw new Failure(value.code ? value : { code: 'lost', detail: t('lost'), next: t('lost.next') });
}

export const status = () => call('GET', '/v1/status');
export const stores = async () => (await call('GET', '/v1/stores')).items;
export const site = () => call('GET', '/v1/site');
export const refused = async () => (await call('GET', '/v1/refused?limit=100')).items;
export const sync = () => call('POST', '/v1/sync');
export const check = async () => (await call('POST', '/v1/check', undefined, long)).steps;
export const join = (details) => call('POST', '/v1/join', details, long);
export const setEnabled = (on) => call('POST', on ? '/v1/enable' : '/v1/disable');
export const setSite = (edit, abandon) => call('PUT', `/v1/site${abandon ? '?abandon=1' : ''}`, edit, long);

// signIn begins a session, with {code} or {token}.
export async function signIn(how) {
  const entered = await call('POST', '/v1/session', how);
  keep(entered);
  return entered;
}

// staySignedIn makes a token for this browser alone.
export async function staySignedIn() {
  const random = [...crypto.getRandomValues(new Uint8Array(5))].map((b) => b.toString(16).padStart(2, '0')).join('');
  stay(await call('POST', '/v1/tokens', { name: `page-${random}`, role: 'app' }));
}

// signOut ends the tab's session, and the browser's. What cannot be told to the
// agent is forgotten here all the same.
export async function signOut() {
  while (session()) {
    await call('DELETE', '/v1/session').catch(() => {});
    forget();
  }
}

export const staysSignedIn = () => Boolean(kept());
