// Vue, as set-up unpacked it (scripts/page_files.py); the file's name carries the start of its SHA-256.
export * from '../vendor/vue-3.5.22-f1dfbe4c.js'
