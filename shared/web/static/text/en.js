// English: what both pages say.
export default {
  now: 'just now',
  'unit.B': 'B',
  'unit.KB': 'KB',
  'unit.MB': 'MB',
  'unit.GB': 'GB',
  'unit.TB': 'TB',
  close: 'Close',
  dismiss: 'Dismiss',
  failed: 'This page failed',
  'failed.next': 'Load the page anew. If it happens again, report what stands below.',
  reload: 'Load anew',
};
