// Words for training jobs.
export const types = {
  hybrid: {
    name: 'Voice and knowledge',
    short: 'Both',
    text: 'Trains an adapter on your examples, indexes your documents, and measures what each adds.',
    needs: ['jsonl', 'rag'],
  },
  lora_only: {
    name: 'Voice',
    short: 'Voice',
    text: 'Trains a small adapter on your examples, so that drafts sound like them.',
    needs: ['jsonl'],
  },
  rag_only: {
    name: 'Knowledge',
    short: 'Knowledge',
    text: 'Indexes your documents, so that answers cite the passages they rest on.',
    needs: ['rag'],
  },
}

export const statuses = {
  PENDING: { name: 'Not started', kind: 'idle' },
  QUEUED: { name: 'Waiting', kind: 'wait' },
  RUNNING: { name: 'Running', kind: 'run' },
  COMPLETED: { name: 'Finished', kind: 'ok' },
  FAILED: { name: 'Failed', kind: 'bad' },
  STOPPED: { name: 'Stopped', kind: 'idle' },
}

export const isActive = (job) => job.status === 'QUEUED' || job.status === 'RUNNING'

export const stageNames = {
  prepare: 'Read the data', adapter: 'Train the voice', collection: 'Index the documents', evaluation: 'Measure', publish: 'Publish',
}

/** The stages of a job of this type, as far as they are known before it says so itself. */
export const stagesOf = (type) =>
  ['prepare', ...(type === 'rag_only' ? [] : ['adapter']), ...(type === 'lora_only' ? [] : ['collection']), 'publish']
