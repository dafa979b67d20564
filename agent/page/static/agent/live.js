// What the agent is doing, as it goes on.
import { useEffect, useRef, useState } from '../web/view.js';
import * as api from './api.js';

const busyPause = 700; // milliseconds between two looks while something moves
const calmPause = 2000;
const lostPause = 1500;

// moves says whether a person is waiting for something to change.
export const moves = ({ status }) => status.link === 'connecting' || status.link === 'online' && status.backlog > 0
  || status.stores.some((store) => store.phase === 'loading');

// useAgent looks at the agent again and again, as long as somebody looks at the
// page. It gives {status, stores, at, lost, look}; status is undefined before
// the first answer, and lost is since when nothing was answered.
export function useAgent(hurry) {
  const [seen, setSeen] = useState({ lost: 0 });
  const wake = useRef(() => {});
  const hurried = useRef(hurry);
  hurried.current = hurry;
  useEffect(() => {
    let over = false;
    let timer;
    let round = 0;
    const look = async () => {
      clearTimeout(timer);
      const mine = ++round;
      let pause;
      try {
        const [status, stores] = await Promise.all([api.status(), api.stores()]);
        if (over || mine !== round) return;
        const now = { status, stores, at: Date.now(), lost: 0 };
        setSeen(now);
        pause = hurried.current || moves(now) ? busyPause : calmPause;
      } catch (failure) {
        if (over || mine !== round) return;
        setSeen((before) => ({ ...before, lost: before.lost || Date.now() }));
        pause = lostPause;
      }
      if (!document.hidden) timer = setTimeout(look, pause);
    };
    wake.current = look;
    const shown = () => { if (!document.hidden) look(); };
    document.addEventListener('visibilitychange', shown);
    look();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, []);
  return { ...seen, look: () => wake.current() };
}

// useAction makes one call at a time: [run, busy, failure, clear].
export function useAction(work) {
  const [state, setState] = useState({ busy: false, failure: null });
  const run = async (...args) => {
    if (state.busy) return undefined;
    setState({ busy: true, failure: null });
    try {
      const result = await work(...args);
      setState({ busy: false, failure: null });
      return result;
    } catch (failure) {
      setState({ busy: false, failure });
      return undefined;
    }
  };
  return [run, state.busy, state.failure, () => setState({ busy: false, failure: null })];
}
