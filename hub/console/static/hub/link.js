// The link to the hub: MQTT over WebSocket, with the commands, events and
// status topics that every client has.
import mqtt from '../vendor/mqtt/mqtt.js';
import { t } from '../web/text.js';

const prefix = 'sitesync/v1';
const patience = 30000; // for the answer to a command, in milliseconds
const pulse = 20000; // between signs of life while the page is seen
const firstWait = 500;
const longestWait = 15000;
const news = { qos: 0, rh: 2 }; // not what is retained: of thousands of sites a list is faster
const refusedLogin = new Set([4, 5, 134, 135]); // CONNACK of MQTT 3.1.1 and 5

// HubError is what the hub said, or why it could not be asked.
export class HubError extends Error {
  constructor({ code, message, next, field }) {
    super(message);
    Object.assign(this, { code, next, field });
  }
}

const unreachable = () => new HubError({ code: 'unreachable', message: t('link.unreachable'), next: t('link.unreachable.next') });

export class Link {
  // credentials: kind (user or token), name, password.
  constructor(credentials) {
    this.credentials = credentials;
    this.replies = `${prefix}/reply/${credentials.name}/console-${random()}`;
    this.waiting = new Map(); // commands without an answer yet, by ID
    this.listeners = new Map(); // by topic filter
    this.watchers = new Set(); // of state
    this.state = 'connecting'; // or online, offline, refused, closed
    this.failures = 0;
    this.wake = () => this.retryNow();
    window.addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.wake);
  }

  // open settles when the hub has let this link in, or not. Errors: refused,
  // unreachable.
  open() {
    return new Promise((resolve, reject) => {
      this.opened = { resolve, reject };
      this.connect();
    });
  }

  connect() {
    const { kind, name, password } = this.credentials;
    const client = mqtt.connect(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/mqtt`, {
      protocolVersion: 5, clean: true, reconnectPeriod: 0, connectTimeout: 15000, keepalive: 120,
      timerVariant: 'native', // the others need a worker, which the page's policy refuses
      username: `${kind}/${name}`, password, clientId: `console-${random()}`,
    });
    this.client = client;
    client.on('message', (topic, payload, packet) => this.hear(topic, payload, packet));
    client.on('connect', () => this.subscribe(client));
    client.on('error', (error) => {
      if (refusedLogin.has(error.code)) this.refused();
    });
    client.on('close', () => client === this.client && this.lost());
  }

  subscribe(client) {
    const filters = [this.replies, ...this.listeners.keys()];
    client.subscribe(filters, news, (error) => {
      if (error || client !== this.client) return client.end(true);
      this.failures = 0;
      this.setState('online');
      this.opened?.resolve();
      this.opened = undefined;
      for (const command of this.waiting.values()) this.send(command); // the hub knows those it has done
      this.beat();
    });
  }

  refused() {
    const error = new HubError({ code: 'refused', message: t('link.refused'), next: t('link.refused.next') });
    this.opened?.reject(error);
    this.opened = undefined;
    this.close('refused', error);
  }

  lost() {
    clearTimeout(this.heart);
    if (this.state === 'refused' || this.state === 'closed') return;
    if (this.opened) {
      this.opened.reject(unreachable());
      return this.close();
    }
    const wait = Math.min(longestWait, firstWait * 2 ** this.failures++) * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => this.connect(), wait);
    this.setState('offline');
  }

  // retryNow does not wait for the next try: the network is back, or somebody
  // looks.
  retryNow() {
    if (document.hidden || this.state !== 'offline') return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect());
  }

  // beat asks for little now and then, so that a dead connection shows.
  beat() {
    const client = this.client;
    this.heart = setTimeout(async () => {
      const late = setTimeout(() => client === this.client && client.end(true), 10000);
      try {
        if (!document.hidden) await this.call('site.get', { site: 1 });
      } catch { /* an answer all the same */ }
      clearTimeout(late);
      if (client === this.client && this.state === 'online') this.beat();
    }, pulse);
  }

  close(state = 'closed', error = unreachable()) {
    window.removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.wake);
    clearTimeout(this.retry);
    clearTimeout(this.heart);
    this.setState(state);
    this.client?.end(true);
    for (const command of this.waiting.values()) command.reject(error);
    this.waiting.clear();
  }

  setState(state) {
    if (state === this.state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher(state);
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  // call carries out a command and gives its result. A command whose answer a
  // cut took is sent again with its ID: the hub does it once. Errors: HubError.
  call(name, args = {}) {
    if (this.state === 'closed' || this.state === 'refused') return Promise.reject(unreachable());
    return new Promise((resolve, reject) => {
      const command = { id: random(), name, args, resolve, reject };
      command.timer = setTimeout(() => {
        this.waiting.delete(command.id);
        reject(this.state === 'online' ? new HubError({ code: 'timeout', message: t('link.timeout'), next: t('link.timeout.next') }) : unreachable());
      }, patience);
      this.waiting.set(command.id, command);
      if (this.state === 'online') this.send(command);
    });
  }

  send({ id, name, args }) {
    this.client.publish(`${prefix}/admin/${name}`, JSON.stringify({ id, args }),
      { qos: 0, properties: { responseTopic: this.replies } });
  }

  // on hears a topic below sitesync/v1, wildcards allowed: fn(message, topic,
  // retained); message is undefined for a topic that was cleared.
  on(filter, fn) {
    const full = `${prefix}/${filter}`;
    this.listeners.set(full, fn);
    if (this.state === 'online') this.client.subscribe(full, news);
  }

  hear(topic, payload, packet) {
    const message = payload.length ? parse(new TextDecoder().decode(payload)) : undefined;
    if (topic === this.replies) return this.answer(message);
    for (const [filter, fn] of this.listeners) if (covers(filter, topic)) fn(message, topic, packet.retain);
  }

  answer({ id, ok, result, error }) {
    const command = this.waiting.get(id);
    if (!command) return;
    this.waiting.delete(id);
    clearTimeout(command.timer);
    if (ok) command.resolve(result);
    else command.reject(new HubError(error));
  }
}

// parse keeps the numbers of records as they are written where they are shown
// beside each other: 1.50 is not 1.5, and some have more digits than a number
// of JavaScript.
function parse(text) {
  if (!JSON.rawJSON || !text.includes('"differs":')) return JSON.parse(text);
  return JSON.parse(text, (key, value, { source }) => (typeof value === 'number' && String(value) !== source ? JSON.rawJSON(source) : value));
}

// covers knows the one wildcard that this page uses.
function covers(filter, topic) {
  const want = filter.split('/');
  const have = topic.split('/');
  return want.length === have.length && want.every((level, i) => level === '+' || level === have[i]);
}

function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), (b) => b.toString(16).padStart(2, '0')).join('');
}
