// This site: who this device is, how it reaches the hub, and whether it works.
import { html, useEffect, useState } from '../web/view.js';
import { t } from '../web/text.js';
import * as api from '../agent/api.js';
import { Browser } from '../parts/browser.js';
import { Connection } from '../parts/connection.js';
import { Device } from '../parts/device.js';
import { Details } from '../parts/details.js';
import { Failed, Loading, Title } from '../parts/say.js';
import { Switch } from '../parts/switch.js';

export function Site({ agent, admin, onLeave }) {
  const [site, setSite] = useState(null);
  const [failure, setFailure] = useState(null);
  const [edits, setEdits] = useState(0);
  const { status } = agent;
  useEffect(() => {
    let over = false;
    api.site().then((found) => over || setSite(found), (why) => over || setFailure(why));
    return () => { over = true; };
  }, [edits, status.link, status.site?.name, status.site?.id]);
  const changed = () => {
    setEdits(edits + 1);
    agent.look();
  };
  return html`
    <${Title} hidden>${t('nav.site')}</>
    ${failure && html`<${Failed} failure=${failure} />`}
    ${!site && !failure && html`<${Loading} />`}
    ${site && html`
      <div class="columns even">
        <div class="stack wide">
          <${Details} site=${site} admin=${admin} onChanged=${changed} />
          <${Connection} site=${site} status=${status} edits=${edits} onChecked=${agent.look} />
        </div>
        <div class="stack wide">
          <${Switch} site=${site} admin=${admin} backlog=${status.backlog} onChanged=${changed} />
          <${Device} site=${site} />
          <${Browser} admin=${admin} onLeave=${onLeave} />
        </div>
      </div>`}`;
}
