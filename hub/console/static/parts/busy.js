// Doing something that takes a moment and may fail.
import { useCallback, useRef, useState } from '../web/view.js';

// useDoing gives [run, busy, error, clear]: run(fn) does one thing at a time
// and keeps its error.
export function useDoing() {
  const [state, setState] = useState({ busy: false, error: null });
  const running = useRef(false);
  const run = useCallback(async (fn) => {
    if (running.current) return undefined;
    running.current = true;
    setState({ busy: true, error: null });
    try {
      const result = await fn();
      setState({ busy: false, error: null });
      return result ?? true;
    } catch (error) {
      setState({ busy: false, error });
      return undefined;
    } finally {
      running.current = false;
    }
  }, []);
  const clear = useCallback(() => setState({ busy: false, error: null }), []);
  return [run, state.busy, state.error, clear];
}
