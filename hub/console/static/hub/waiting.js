// What waits for a person beside the sites: moves under way, and changes in
// quarantine by the site that they came from.
import { Signal } from './signal.js';

const every = 20000;

export class Waiting extends Signal {
  moves = null;
  quarantine = null;
  error = null;

  constructor(link, events) {
    super();
    this.link = link;
    link.watch((state) => state === 'online' && this.later());
    events.on(({ kind }) => (kind.startsWith('handover.') || kind.startsWith('quarantine.')) && this.later());
    this.timer = setInterval(() => document.hidden || this.load(), every);
    this.load();
  }

  stop() {
    clearInterval(this.timer);
  }

  later() {
    this.soon ??= setTimeout(() => {
      this.soon = undefined;
      this.load();
    }, 300);
  }

  async load() {
    if (this.link.state !== 'online') return;
    try {
      const [draining, loading, quarantine] = await Promise.all([this.list('draining'), this.list('loading'), this.undecided()]);
      Object.assign(this, { moves: [...draining, ...loading], quarantine, error: null });
    } catch (error) {
      this.error = error;
    }
    this.changed();
  }

  async list(state) {
    return (await this.link.call('handover.list', { state, limit: 200 })).items;
  }

  async undecided() {
    const bySite = new Map();
    for (const state of ['open', 'stale']) {
      const page = await this.link.call('quarantine.list', { state, limit: 1000 });
      for (const { site, siteName } of page.items) {
        const entry = bySite.get(site) ?? { site, from: siteName || `#${site}`, state, n: 0 };
        entry.n++;
        bySite.set(site, entry);
      }
    }
    return [...bySite.values()];
  }
}
