// The events since this page was opened, the newest first.
import { Signal } from './signal.js';

const most = 1000;

export class Events extends Signal {
  list = [];
  listeners = new Set();
  number = 0;

  hear(event) {
    this.list.unshift({ ...event, number: ++this.number });
    this.list.length = Math.min(this.list.length, most);
    for (const listener of this.listeners) listener(event);
    this.changed();
  }

  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
