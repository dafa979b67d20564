// All sites, as they are now: listed page by page, then followed by their
// status topics.
import { Signal } from './signal.js';

const pageSize = 1000;
const many = 2000;
const seldom = 400;
const afresh = 5 * 60000; // how often the whole list is read again, in case a message got lost

const live = ['type', 'version', 'lastSync', 'backlog', 'problem', 'state', 'since', 'lastSeen', 'clockSkewMs', 'diskFree'];

export class Sites extends Signal {
  byId = new Map();
  complete = false;
  error = null;
  stale = new Set(); // sites of which more changed than their status tells

  constructor(link) {
    super();
    this.link = link;
  }

  start() {
    this.link.on('site/+/status', (status, topic) => this.hear(status, topic));
    this.link.on('event/+', (event) => this.onEvent?.(event));
    this.link.watch((state) => state === 'online' && this.load());
    this.timer = setInterval(() => this.load(), afresh);
    return this.load();
  }

  stop() {
    clearInterval(this.timer);
  }

  list() {
    return this.byId.values();
  }

  get(id) {
    return this.byId.get(id);
  }

  name(id) {
    return this.byId.get(id)?.name ?? `#${id}`;
  }

  // load reads the whole list.
  load() {
    this.loading ??= this.read().catch((error) => {
      this.error = error;
    }).finally(() => {
      this.loading = undefined;
      this.changed();
    });
    return this.loading;
  }

  async read() {
    const seen = new Set();
    for (let after; ;) {
      const asked = performance.now();
      const page = await this.link.call('site.list', { limit: pageSize, after });
      for (const site of page.items) {
        seen.add(site.id);
        this.put(site, asked);
      }
      this.changed();
      after = page.next;
      if (!after) break;
    }
    for (const id of this.byId.keys()) if (!seen.has(id)) this.byId.delete(id);
    this.complete = true;
    this.error = null;
  }

  // put takes a site as the hub described it some time after asked. What its
  // status said since then is newer.
  put(site, asked = performance.now()) {
    const old = this.byId.get(site.id);
    if (old && old.revision > site.revision) return;
    if (old?.heard > asked) for (const field of live) site[field] = old[field];
    if (old) Object.assign(old, { since: undefined, diskFree: undefined }, site); // lists hold on to the object
    else this.byId.set(site.id, { ...site, heard: 0 });
    this.changed();
  }

  // changed tells of many sites more seldom: all of them are looked at.
  changed() {
    if (this.byId.size < many) return super.changed();
    this.telling ??= setTimeout(() => {
      this.telling = undefined;
      super.changed();
    }, seldom);
  }

  remove(id) {
    if (this.byId.delete(id)) this.changed();
  }

  hear(status, topic) {
    const id = Number(topic.split('/')[3]);
    if (!status) return this.remove(id);
    const site = this.byId.get(id);
    if (!site || site.revision !== status.revision) this.refresh(id);
    if (!site) return;
    if (status.session < site.session) return;
    for (const field of live) site[field] = status[field];
    site.session = status.session;
    site.heard = performance.now();
    this.changed();
  }

  // refresh asks for a site anew, soon; for many at once it reads the list.
  refresh(...ids) {
    for (const id of ids) if (id) this.stale.add(id);
    this.soon ??= setTimeout(() => this.catchUp(), 150);
  }

  async catchUp() {
    this.soon = undefined;
    const ids = [...this.stale];
    this.stale.clear();
    if (!this.complete || this.link.state !== 'online') return; // the list that is read has them
    if (ids.length > 20) return this.load();
    for (const id of ids) {
      const asked = performance.now();
      try {
        this.put((await this.link.call('site.get', { site: id })).site, asked);
      } catch (error) {
        if (error.code === 'not_found') this.remove(id);
      }
    }
  }
}
