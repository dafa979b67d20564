// The page as a whole: sign-in, set-up, or the frame with one of the screens.
import { html, useEffect, useState } from './web/view.js';
import { t } from './web/text.js';
import * as api from './agent/api.js';
import { session } from './agent/session.js';
import { Frame } from './parts/frame.js';
import { Loading } from './parts/say.js';
import { SignIn } from './screens/signin.js';

// enter begins with the code from the address, or goes on with this tab's
// session, if the agent still knows it.
async function enter(code) {
  if (code) return api.signIn({ code });
  if (session()) await api.site();
  return session();
}

export function App({ code }) {
  const [entered, setEntered] = useState(undefined); // undefined: not known yet
  const [failure, setFailure] = useState(null);
  const [over, setOver] = useState(false);
  useEffect(() => {
    api.onSignedOut(() => {
      setOver(!session());
      setEntered(session());
    });
    // An agent that does not answer is no reason to forget the session. Behind
    // one that is over there may be that of a browser which stays signed in.
    enter(code).then(setEntered, (why) => {
      if (code || why.code !== 'token') setFailure(why);
      setEntered(session());
    });
  }, []);
  const leave = async () => {
    await api.signOut();
    setOver(false);
    setEntered(null);
  };
  const welcome = (made) => {
    setFailure(null);
    setOver(false);
    setEntered(made);
  };
  if (entered === undefined) return html`<${Loading} />`;
  if (!entered) return html`<${SignIn} failure=${failure} over=${over} onEnter=${welcome} />`;
  return html`<${Frame} admin=${entered.role === 'admin'} onLeave=${leave} />`;
}

document.title = t('title');
