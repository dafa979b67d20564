// Every screen, in the order of the navigation.
import { Attention, AttentionCount } from './attention.js';
import { Sites } from './sites.js';
import { Stores } from './stores.js';
import { Handovers } from './handovers.js';
import { Quarantine } from './quarantine.js';
import { Audit } from './audit.js';
import { Users } from './users.js';
import { Events } from './events.js';
import { Health } from './health.js';

export const screens = [
  { id: 'attention', Screen: Attention, Count: AttentionCount },
  { id: 'sites', Screen: Sites },
  { id: 'stores', Screen: Stores },
  { id: 'handovers', Screen: Handovers },
  { id: 'quarantine', Screen: Quarantine },
  { id: 'events', Screen: Events },
  { id: 'audit', Screen: Audit },
  { id: 'users', Screen: Users },
  { id: 'health', Screen: Health },
];
