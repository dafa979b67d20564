// Every screen, in the order of the navigation.
import { Attention, AttentionCount } from './attention.js';
import { Sites } from './sites.js';
import { Stores } from './stores.js';
import { Handovers } from './handovers.js';
import { Quarantine } from './quarantine.js';
import { Events } from './events.js';

export const screens = [
  { id: 'attention', Screen: Attention, Count: AttentionCount },
  { id: 'sites', Screen: Sites },
  { id: 'stores', Screen: Stores },
  { id: 'handovers', Screen: Handovers },
  { id: 'quarantine', Screen: Quarantine },
  { id: 'events', Screen: Events },
];
