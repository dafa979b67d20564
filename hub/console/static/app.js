// The console as a whole: sign-in, or the frame with one of the screens.
import { html, useEffect, useState } from './web/view.js';
import { t } from './web/text.js';
import { Hub, open } from './hub/hub.js';
import { resume, signOut } from './hub/session.js';
import { Frame } from './parts/frame.js';
import { SignIn } from './screens/signin.js';

export function App() {
  const [hub, setHub] = useState(undefined); // undefined: not known yet
  const [error, setError] = useState(null);
  const enter = (session) => {
    const entered = open(session);
    entered.link.watch((state) => {
      if (state !== 'refused') return;
      entered.stop();
      setError({ message: t('signedOut'), next: t('signedOut.next') });
      setHub(null);
    });
    setError(null);
    setHub(entered);
  };
  useEffect(() => {
    resume().then((session) => (session ? enter(session) : setHub(null)), (why) => {
      setError(why);
      setHub(null);
    });
  }, []);
  const leave = async () => {
    hub.stop();
    await signOut(hub);
    setHub(null);
  };
  if (hub === undefined) return html`<p class="pad muted" role="status">${t('loading')}</p>`;
  if (!hub) return html`<${SignIn} error=${error} onEnter=${enter} />`;
  return html`<${Hub.Provider} value=${hub}><${Frame} onLeave=${leave} /></>`;
}
