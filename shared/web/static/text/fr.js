// Français : ce que disent les deux pages.
export default {
  now: 'à l’instant',
  'unit.B': 'o',
  'unit.KB': 'Ko',
  'unit.MB': 'Mo',
  'unit.GB': 'Go',
  'unit.TB': 'To',
  close: 'Fermer',
  dismiss: 'Ignorer',
  failed: 'Cette page a échoué',
  'failed.next': 'Rechargez la page. Si cela se reproduit, signalez ce qui figure ci-dessous.',
  reload: 'Recharger',
};
