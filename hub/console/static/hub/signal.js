// A value that many look at: screens draw anew when it changes, at most once a
// frame.
import { useEffect, useReducer } from '../web/view.js';

export class Signal {
  watchers = new Set();
  scheduled = false;

  changed() {
    if (this.scheduled) return;
    this.scheduled = true;
    const tell = () => {
      this.scheduled = false;
      for (const watcher of [...this.watchers]) watcher();
    };
    if (document.hidden) setTimeout(tell, 200);
    else requestAnimationFrame(tell);
  }

  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

export function useSignal(signal) {
  const [, draw] = useReducer((n) => n + 1, 0);
  useEffect(() => signal.watch(draw), [signal]);
  return signal;
}
