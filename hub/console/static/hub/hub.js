// What the screens know: the hub as this person may see it.
import { createContext, useCallback, useContext, useEffect, useRef, useState } from '../web/view.js';
import { Events } from './events.js';
import { History } from './history.js';
import { Sites } from './sites.js';
import { Waiting } from './waiting.js';

export const Hub = createContext(null);
export const useHub = () => useContext(Hub);

// open starts to follow the hub.
export function open({ link, user, edits, notKept }) {
  const sites = new Sites(link);
  const events = new Events();
  sites.onEvent = (event) => events.hear(event);
  events.on(({ kind, site, store }) => {
    if (!kind.startsWith('handover.')) return;
    const holding = [...sites.list()].filter((s) => s.stores.some((held) => held.id === store)).map((s) => s.id);
    sites.refresh(site, ...holding); // the stores of both ends have other phases now
  });
  sites.start();
  const waiting = new Waiting(link, events);
  const history = new History(link);
  const stop = () => {
    sites.stop();
    history.stop();
    waiting.stop();
  };
  return { link, user, edits, notKept, sites, events, waiting, history, stop, call: (name, args) => link.call(name, args) };
}

// useData loads something, and again whenever it may have changed: when the
// link is back, when an event of one of the kinds comes (beginnings are
// enough), and every so many seconds. What was loaded stays while it loads.
export function useData(load, { on = [], every = 0, deps = [] } = {}) {
  const { link, events } = useHub();
  const [state, setState] = useState({ data: undefined, error: null });
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const data = await load();
      if (mine === turn.current) setState({ data, error: null });
    } catch (error) {
      if (mine === turn.current) setState((old) => ({ data: old.data, error }));
    }
  }, deps);
  useEffect(() => {
    reload();
    let soon;
    const later = () => {
      soon ??= setTimeout(() => {
        soon = undefined;
        reload();
      }, 250);
    };
    const stops = [
      link.watch((now) => now === 'online' && later()),
      events.on((event) => on.some((kind) => event.kind.startsWith(kind)) && later()),
    ];
    const timer = every && setInterval(() => link.state === 'online' && !document.hidden && reload(), every * 1000);
    return () => {
      turn.current++;
      clearTimeout(soon);
      clearInterval(timer);
      for (const stop of stops) stop();
    };
  }, [reload]);
  return { ...state, reload };
}

// usePages loads the pages of a list one after the other; more() asks for the
// next. A reload reads as many pages again as are shown.
export function usePages(command, args, options = {}) {
  const { call } = useHub();
  const pages = useRef(1);
  const key = JSON.stringify(args);
  const last = useRef(key);
  if (last.current !== key) {
    last.current = key;
    pages.current = 1;
  }
  const { data, error, reload } = useData(async () => {
    const items = [];
    let next;
    for (let n = 0; n < pages.current; n++) {
      const page = await call(command, { ...args, after: next });
      items.push(...page.items);
      next = page.next;
      if (!next) break;
    }
    return { items, next };
  }, { ...options, deps: [command, key] });
  const more = () => {
    pages.current++;
    return reload();
  };
  return { items: data?.items, more: data?.next ? more : undefined, error, reload };
}
