// How the hub was, since this page was opened: hub.status, asked now and then.
import { Signal } from './signal.js';

const every = 5000;
const most = 720; // an hour

export class History extends Signal {
  samples = []; // the oldest first
  error = null;

  constructor(link) {
    super();
    this.link = link;
    this.timer = setInterval(() => this.ask(), every);
    this.ask();
  }

  get now() {
    return this.samples.at(-1);
  }

  stop() {
    clearInterval(this.timer);
  }

  async ask() {
    if (this.link.state !== 'online' || this.asking) return;
    this.asking = true;
    try {
      const status = await this.link.call('hub.status');
      this.samples.push({ ...status, time: Date.now() / 1000 });
      if (this.samples.length > most) this.samples.shift();
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.asking = false;
    this.changed();
  }
}
