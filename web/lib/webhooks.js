// The events a webhook may be told of, in words.
export const events = {
  'job.queued': 'A job waits', 'job.started': 'A job has begun', 'job.completed': 'A job has finished', 'job.failed': 'A job has failed', 'job.stopped': 'A job was stopped',
  'release.created': 'A release is there', 'release.imported': 'A release was brought in', 'release.promoted': 'A release answers', 'release.retired': 'A release gave its place',
  'release.rolled_back': 'A release answers again', 'release.rejected': 'A release was taken back', 'release.canary_started': 'A trial began', 'release.canary_stopped': 'A trial ended',
}

export const states = { pending: ['wait', 'On its way'], delivered: ['ok', 'Delivered'], failed: ['bad', 'Given up'] }
