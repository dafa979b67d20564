// Where in the console one is: #/screen/part?filter=… in the address. A screen
// with changes that were not sent can guard its place.
import { useEffect, useState } from '../web/view.js';

let guard; // asks the person; gives whether it is all right to leave
let here = location.hash;
let asking = false;

export function parse(hash = location.hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [screen = '', part = ''] = path.split('/').map(decodeURIComponent);
  return { screen, part, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const to = (screen, part, query) => {
  const search = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value)).toString();
  return `#/${screen}${part ? `/${encodeURIComponent(part)}` : ''}${search ? `?${search}` : ''}`;
};

export function go(hash) {
  location.hash = hash;
}

// replace changes the address without a step in the history: filters.
export function replace(hash) {
  here = hash;
  history.replaceState(null, '', hash);
}

export function useRoute() {
  const [route, setRoute] = useState(parse);
  useEffect(() => {
    const changed = async () => {
      const wanted = location.hash;
      if (wanted === here) return;
      if (guard) {
        history.replaceState(null, '', here);
        if (asking) return;
        asking = true;
        const leave = await guard();
        asking = false;
        if (!leave) return;
        guard = undefined;
        history.pushState(null, '', wanted);
      }
      here = wanted;
      setRoute(parse());
      document.querySelector('main')?.focus({ preventScroll: true });
    };
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

// useGuard guards the place while there is something to lose.
export function useGuard(something, ask) {
  useEffect(() => {
    if (!something) return undefined;
    guard = ask;
    const unload = (event) => event.preventDefault();
    addEventListener('beforeunload', unload);
    return () => {
      if (guard === ask) guard = undefined;
      removeEventListener('beforeunload', unload);
    };
  });
}
